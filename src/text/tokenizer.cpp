#include "text/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/quote.h"
#include "text/tokenizer_model.h"
#include "text/tokenizer_special.h"

namespace nibble {

struct Tokenizer::State {
  std::string model, pre;
  VocabularyTokens tokens;
  std::unique_ptr<TokenizerModel> kind;
  std::unique_ptr<SpecialMatcher> matcher;
  std::vector<char> pieces;  // what each token stands for in text, one after the other
  std::vector<size_t> piece_ends;
  uint64_t serial = 0;  // tells tokenizers apart: a scratch caches words of one
  bool add_bos = false, add_eos = false, add_sep = false, strips_leading_space = false;
};

namespace {

// Pre-tokenizers whose files begin a text with BOS unless a key says otherwise.
bool pre_adds_bos(std::string_view pre) {
  for (std::string_view name : {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral",
                                "midm-2.0", "lfm2", "jina-v5-nano", "tekken", "chameleon"}) {
    if (pre == name) return true;
  }
  return false;
}

std::string piece_of(const TokenizerModel& kind, std::string_view text, TokenType type) {
  switch (type) {
    case TokenType::kNormal:
      return kind.piece_of_normal(text);
    case TokenType::kByte:
      if (const int byte = VocabularyTokens::byte_value(text); byte >= 0) return std::string(1, char(byte));
      return std::string(text);
    case TokenType::kUnused:
      return {};
    case TokenType::kUnknown:
    case TokenType::kControl:
    case TokenType::kUserDefined:
      break;
  }
  return std::string(text);
}

bool hidden(TokenType type) { return type == TokenType::kControl || type == TokenType::kUnknown; }

// A key that asks for a token the vocabulary does not have is an error; a kind's habit is not.
Result<bool> adds(std::optional<bool> stated, bool habit, TokenId id, std::string_view key,
                  std::string_view id_key) {
  if (id != kNoToken) return stated.value_or(habit);
  if (stated.value_or(false))
    return fail(ErrorKind::kBadFile, key, " is true, but there is no valid ", id_key, " in the vocabulary");
  return false;
}

std::atomic<uint64_t> serial{0};

}  // namespace

std::string unmark_spaces(std::string_view token) {
  std::string out;
  out.reserve(token.size());
  for (size_t at = 0; at < token.size();) {
    if (token.substr(at).starts_with(kSpaceMark)) {
      out += ' ';
      at += kSpaceMark.size();
    } else {
      out += token[at++];
    }
  }
  return out;
}

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::create(const VocabularyData& data, const TokenizerOverrides& overrides) {
  NIBBLE_TRY(auto tokens, VocabularyTokens::create(data));
  auto state = std::make_unique<State>();
  State& s = *state;
  s.model = data.model;
  s.tokens = std::move(tokens);
  s.serial = ++serial;
  const SpecialTokens& special = s.tokens.special();
  bool habit_bos = false, habit_eos = false;
  if (data.model == "llama") {
    NIBBLE_TRY(s.kind, make_spm(data, s.tokens));
    habit_bos = true;
    s.strips_leading_space = data.add_space_prefix.value_or(true);
  } else if (data.model == "gpt2") {
    s.pre = !overrides.pre.empty() ? overrides.pre : data.pre.empty() ? "default" : data.pre;
    NIBBLE_TRY(s.kind, make_bpe(data, s.tokens, s.pre));
    habit_bos = pre_adds_bos(s.pre);
  } else if (data.model == "bert") {
    NIBBLE_TRY(s.kind, make_wordpiece(data, s.tokens));
    habit_bos = true;
    s.add_sep = special.separator != kNoToken;
  } else if (data.model == "t5") {
    NIBBLE_TRY(s.kind, make_unigram(data, s.tokens));
    habit_eos = true;
    s.strips_leading_space = data.add_space_prefix.value_or(false);
  } else {
    return fail(ErrorKind::kUnsupported, "tokenizer.ggml.model ", quoted(data.model),
                " is not supported; nibble knows llama, gpt2, bert and t5");
  }
  NIBBLE_TRY(s.add_bos, adds(data.add_bos, habit_bos, special.bos, "tokenizer.ggml.add_bos_token",
                             "tokenizer.ggml.bos_token_id"));
  NIBBLE_TRY(s.add_eos, adds(data.add_eos, habit_eos, special.eos, "tokenizer.ggml.add_eos_token",
                             "tokenizer.ggml.eos_token_id"));
  if (data.model == "bert") {  // CLS and SEP stand around every text, whatever the keys say
    s.add_bos = special.bos != kNoToken;
    s.add_eos = false;
  }
  s.matcher = std::make_unique<SpecialMatcher>(data, s.tokens);
  for (size_t id = 0; id < s.tokens.size(); ++id) {
    const std::string piece = piece_of(*s.kind, s.tokens.text(TokenId(id)), s.tokens.type(TokenId(id)));
    s.pieces.insert(s.pieces.end(), piece.begin(), piece.end());
    s.piece_ends.push_back(s.pieces.size());
  }
  return Tokenizer(std::move(state));
}

std::shared_ptr<TokenizerScratch> Tokenizer::make_scratch() const {
  return std::make_shared<TokenizerScratch>();
}

void Tokenizer::encode(std::string_view text, TokenizeOptions options, TokenizerScratch& scratch,
                       std::vector<TokenId>& ids) const {
  const State& s = *state_;
  scratch.use_for(s.serial, text.size());
  if (const size_t likely = ids.size() + text.size() / 3 + 8; ids.capacity() < likely)
    ids.reserve(std::max(likely, 2 * ids.capacity()));
  if (options.add_special && s.add_bos) ids.push_back(s.tokens.special().bos);
  s.matcher->split(text, options.parse_special, scratch.parts);
  bool first = true;
  for (const auto& part : scratch.parts) {
    if (part.id != kNoToken) {
      ids.push_back(part.id);
      first = true;
      continue;
    }
    for (size_t at = part.begin; at < part.end; at += kMaxPart) {
      s.kind->encode(text.substr(at, std::min(kMaxPart, part.end - at)), first, scratch, ids);
      first = false;
    }
  }
  if (options.add_special && s.add_eos) ids.push_back(s.tokens.special().eos);
  if (options.add_special && s.add_sep) ids.push_back(s.tokens.special().separator);
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, TokenizeOptions options) const {
  TokenizerScratch scratch;
  std::vector<TokenId> ids;
  encode(text, options, scratch, ids);
  return ids;
}

std::vector<std::vector<TokenId>> Tokenizer::encode_batch(std::span<const std::string_view> texts,
                                                          TokenizeOptions options, unsigned threads) const {
  std::vector<std::vector<TokenId>> out(texts.size());
  constexpr size_t kBytesPerThread = 65536;  // below, starting a thread costs more than it saves
  size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  threads = unsigned(std::min<size_t>({threads, texts.size(), bytes / kBytesPerThread + 1}));
  std::atomic<size_t> next{0};
  const auto work = [&] {
    TokenizerScratch scratch;
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < texts.size();)
      encode(texts[i], options, scratch, out[i]);
  };
  std::vector<std::jthread> helpers;
  for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  helpers.clear();  // joins
  return out;
}

std::string_view Tokenizer::piece(TokenId id, bool special) const {
  const State& s = *state_;
  if (!s.tokens.has(id) || (!special && hidden(s.tokens.type(id)))) return {};
  const size_t begin = id == 0 ? 0 : s.piece_ends[size_t(id) - 1];
  return {s.pieces.data() + begin, s.piece_ends[size_t(id)] - begin};
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool special) const {
  std::string out;
  bool at_start = state_->strips_leading_space;
  for (TokenId id : ids) {
    std::string_view text = piece(id, special);
    if (at_start && !is_control(id)) {
      if (text.starts_with(' ')) text.remove_prefix(1);
      at_start = false;
    }
    out += text;
  }
  return out;
}

size_t Tokenizer::size() const { return state_->tokens.size(); }
std::string_view Tokenizer::token_text(TokenId id) const {
  return state_->tokens.has(id) ? state_->tokens.text(id) : std::string_view();
}
TokenType Tokenizer::token_type(TokenId id) const {
  return state_->tokens.has(id) ? state_->tokens.type(id) : TokenType::kUnused;
}
float Tokenizer::token_score(TokenId id) const {
  return state_->tokens.has(id) ? state_->tokens.score(id) : 0.0f;
}
TokenId Tokenizer::find(std::string_view token_text) const { return state_->tokens.find(token_text); }
bool Tokenizer::is_control(TokenId id) const {
  return state_->tokens.has(id) && state_->tokens.type(id) == TokenType::kControl;
}
bool Tokenizer::is_end_of_generation(TokenId id) const { return state_->tokens.is_end_of_generation(id); }
std::span<const TokenId> Tokenizer::end_of_generation() const { return state_->tokens.end_of_generation(); }
const SpecialTokens& Tokenizer::special() const { return state_->tokens.special(); }
bool Tokenizer::add_bos() const { return state_->add_bos; }
bool Tokenizer::add_eos() const { return state_->add_eos; }
bool Tokenizer::strips_leading_space() const { return state_->strips_leading_space; }
std::string_view Tokenizer::model() const { return state_->model; }
std::string_view Tokenizer::pre() const { return state_->pre; }

}  // namespace nibble
