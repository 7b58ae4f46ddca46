#include "text/vocabulary_tokens.h"

#include <algorithm>

namespace nibble {
namespace {

// Tokens that end an answer whatever the special ids say.
constexpr std::string_view kEndTexts[] = {"<|eot_id|>",
                                          "<|im_end|>",
                                          "<|end|>",
                                          "<|return|>",
                                          "<|call|>",
                                          "<end_of_turn>",
                                          "<|endoftext|>",
                                          "<|end_of_text|>",
                                          "<|eom_id|>",
                                          "</s>",
                                          "<EOT>",
                                          "_<EOT>",
                                          "[EOT]",
                                          "[EOS]",
                                          "<eos>",
                                          "<end_of_utterance>",
                                          "<\xEF\xBD\x9C"
                                          "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"};

// Tokens that are control tokens even where a converter forgot to say so: fill-in-the-middle marks.
constexpr std::string_view kControlTexts[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",  "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>",  "<|fim_pad|>",    "<fim-pad>",    "<fim_pad>",
    "<|fim_repo|>",   "<fim-repo>",   "<|repo_name|>", "<reponame>",     "<|file_sep|>"};

struct Defaults {
  std::string_view model;
  SpecialTokens special;
};
// The ids that files of a kind mean when they do not say.
const Defaults kDefaults[] = {
    {"llama", {.bos = 1, .eos = 2, .unknown = 0}},
    {"bert", {.bos = 101, .unknown = 100, .separator = 102, .padding = 0, .mask = 103}},
    {"t5", {.eos = 1, .unknown = 2, .padding = 0}},
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

int VocabularyTokens::byte_value(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const int high = hex_digit(text[3]), low = hex_digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

Result<VocabularyTokens> VocabularyTokens::create(const VocabularyData& data) {
  const size_t count = data.tokens.size();
  if (count > kMaxTokens)
    return fail(ErrorKind::kLimit, "tokenizer: ", count, " tokens, the limit is ", kMaxTokens);
  if (!data.scores.empty() && data.scores.size() < count)
    return fail(ErrorKind::kBadFile, "tokenizer.ggml.scores: ", data.scores.size(), " values for ", count,
                " tokens");
  if (!data.types.empty() && data.types.size() < count)
    return fail(ErrorKind::kBadFile, "tokenizer.ggml.token_type: ", data.types.size(), " values for ", count,
                " tokens");
  VocabularyTokens v;
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    if (data.tokens[i].size() > kMaxTokenBytes)
      return fail(ErrorKind::kLimit, "tokenizer.ggml.tokens: token ", i, " has ", data.tokens[i].size(),
                  " bytes, the limit is ", kMaxTokenBytes);
    bytes += data.tokens[i].size();
  }
  v.texts_.reserve(bytes);
  v.text_ends_.reserve(count);
  v.types_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    v.texts_.insert(v.texts_.end(), data.tokens[i].begin(), data.tokens[i].end());
    v.text_ends_.push_back(v.texts_.size());
    const int32_t type = data.types.empty() ? int32_t(TokenType::kNormal) : data.types[i];
    v.types_.push_back(type >= 1 && type <= 6 ? TokenType(type) : TokenType::kUnused);
  }
  if (!data.scores.empty()) v.scores_.assign(data.scores.begin(), data.scores.begin() + ptrdiff_t(count));
  v.index_ = TextIndex(count);
  for (size_t i = 0; i < count; ++i) {
    if (const auto text = v.text(TokenId(i)); !text.empty()) v.index_.insert(text, uint32_t(i));
  }
  v.set_special(data);
  v.mark_known_texts();
  return v;
}

void VocabularyTokens::set_special(const VocabularyData& data) {
  static const SpecialTokens kNone;
  const auto* row = std::find_if(std::begin(kDefaults), std::end(kDefaults),
                                 [&](const Defaults& d) { return d.model == data.model; });
  const SpecialTokens& defaults = row == std::end(kDefaults) ? kNone : row->special;
  // An id outside the vocabulary (4294967295 among them) is as good as none.
  const auto choose = [&](TokenId stated, TokenId fallback) {
    return has(stated) ? stated : has(fallback) ? fallback : kNoToken;
  };
  const SpecialTokens& s = data.special;
  special_.cls = choose(s.cls, kNoToken);
  special_.bos = choose(s.bos, has(s.cls) && data.model == "bert" ? s.cls : defaults.bos);
  special_.eos = choose(s.eos, defaults.eos);
  special_.eot = choose(s.eot, kNoToken);
  special_.eom = choose(s.eom, kNoToken);
  special_.unknown = choose(s.unknown, defaults.unknown);
  special_.separator = choose(s.separator, defaults.separator);
  special_.padding = choose(s.padding, defaults.padding);
  special_.mask = choose(s.mask, defaults.mask);
}

void VocabularyTokens::mark_known_texts() {
  ends_.assign(size(), false);
  const auto control = [&](TokenId id) {
    if (types_[size_t(id)] != TokenType::kUnknown) types_[size_t(id)] = TokenType::kControl;
  };
  for (std::string_view text : kControlTexts) {
    if (const TokenId id = find(text); id != kNoToken) control(id);
  }
  // In the harmony format <|end|> closes one message of an answer, <|return|> and <|call|> the answer.
  const bool harmony = find("<|return|>") != kNoToken && find("<|call|>") != kNoToken;
  for (std::string_view text : kEndTexts) {
    const TokenId id = find(text);
    if (id == kNoToken) continue;
    control(id);
    if (!(harmony && text == "<|end|>")) ends_[size_t(id)] = true;
  }
  for (TokenId id : {special_.eos, special_.eot, special_.eom}) {
    if (id != kNoToken) ends_[size_t(id)] = true;
  }
  for (size_t id = 0; id < size(); ++id) {
    if (ends_[id]) end_ids_.push_back(TokenId(id));
  }
}

}  // namespace nibble
