// tokenizer.json of the tokenizers library: BPE over bytes, BPE and unigram in the manner of SentencePiece,
// WordPiece.
#include <algorithm>
#include <limits>
#include <map>

#include "base/quote.h"
#include "text/vocabulary_tokens.h"
#include "transform/hf_vocabulary.h"

namespace nibble {
namespace {

bool is_byte_token(std::string_view text) { return VocabularyTokens::byte_value(text) >= 0; }

// The map of a Precompiled normalizer stands in base64.
Result<std::string> decode_base64(std::string_view text, const std::string& subject) {
  std::string out;
  uint32_t bits = 0, count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const char c : text) {
    const size_t digit = kAlphabet.find(c);
    if (digit == kAlphabet.npos)
      return fail(ErrorKind::kBadFile, subject, ": ", quoted({&c, 1}), " is not base64");
    bits = (bits << 6) | uint32_t(digit);
    if (count += 6; count >= 8) out += char((bits >> (count -= 8)) & 0xFF);
  }
  return out;
}

class TokenizerReader {
 public:
  TokenizerReader(JsonValue root, const std::string& path, int64_t rows, HfVocabulary& out)
      : root_(root), model_(root["model"]), path_(path), rows_(rows), out_(out) {}

  Status read(const std::string& pre) {
    const std::string_view type =
        model_["type"].as_string().value_or(model_["merges"].is_array() ? "BPE" : "?");
    out_.tokens.assign(size_t(rows_), {});
    out_.types.assign(size_t(rows_), 0);
    if (type == "BPE") {
      NIBBLE_CHECK_OK(is_byte_level() ? read_byte_bpe(pre) : read_spm());
    } else if (type == "Unigram") {
      NIBBLE_CHECK_OK(read_unigram());
    } else if (type == "WordPiece") {
      NIBBLE_CHECK_OK(read_wordpiece());
    } else {
      return bad(ErrorKind::kUnsupported, "model", "is of type ", quoted(type),
                 ", known are BPE, Unigram, WordPiece");
    }
    NIBBLE_CHECK_OK(read_added());
    fill_holes();
    return {};
  }

 private:
  template <class... Parts>
  std::unexpected<Error> bad(ErrorKind kind, std::string_view key, const Parts&... parts) const {
    return fail(kind, path_, ": ", key, " ", parts...);
  }

  bool is_byte_level() const {
    return std::ranges::any_of(hf_parts(root_["pre_tokenizer"], "pretokenizers"),
                               [](JsonValue part) { return part["type"].as_string() == "ByteLevel"; });
  }

  // Ids beyond the embedding's rows cannot be given to the model: they are left out.
  Status put(std::optional<int64_t> id, std::string text, TokenType type) {
    if (!id || *id < 0 || *id > kMaxId)
      return bad(ErrorKind::kBadFile, "token", quoted(text), " has ", id ? concat("the id ", *id) : "no id",
                 ", wanted 0 to ", kMaxId);
    if (*id >= rows_) {
      ++beyond_;
      return {};
    }
    std::string& slot = out_.tokens[size_t(*id)];
    if (out_.types[size_t(*id)] != 0 && slot != text)
      return bad(ErrorKind::kBadFile, "id", *id, " is ", quoted(slot), " and ", quoted(text));
    slot = std::move(text);
    out_.types[size_t(*id)] = int32_t(type);
    return {};
  }

  // "vocab": {"text": id}
  template <class Rewrite>
  Status read_map(const Rewrite& rewrite) {
    const JsonValue vocab = model_["vocab"];
    if (!vocab.is_object() || vocab.size() == 0)
      return bad(ErrorKind::kBadFile, "model.vocab", "is ", json_kind_name(vocab.kind()),
                 ", wanted an object of tokens");
    // Byte-level BPE knows every text.
    const std::string_view unknown = out_.model == "gpt2" ? "" : model_["unk_token"].as_string().value_or("");
    for (const auto& [text, id] : vocab.members())
      NIBBLE_CHECK_OK(put(id.as_int(), rewrite(text),
                          !unknown.empty() && text == unknown ? TokenType::kUnknown : TokenType::kNormal));
    return {};
  }

  // "left right", or [left, right] in newer files.
  Result<std::vector<std::pair<std::string_view, std::string_view>>> merges() const {
    std::vector<std::pair<std::string_view, std::string_view>> list;
    const JsonValue merges = model_["merges"];
    if (!merges.is_array())
      return bad(ErrorKind::kBadFile, "model.merges", "is ", json_kind_name(merges.kind()),
                 ", wanted an array");
    for (const JsonValue merge : merges.elements()) {
      std::string_view left, right;
      if (const auto text = merge.as_string()) {
        const size_t space = text->find(' ', 1);
        if (space != text->npos) left = text->substr(0, space), right = text->substr(space + 1);
      } else if (merge.size() == 2) {
        const auto pair = merge.elements();
        left = (*pair.begin()).as_string().value_or("");
        right = (*++pair.begin()).as_string().value_or("");
      }
      if (left.empty() || right.empty())
        return bad(ErrorKind::kBadFile, "model.merges", "has no two tokens at ", list.size());
      list.emplace_back(left, right);
    }
    return list;
  }

  Status read_byte_bpe(const std::string& pre) {
    out_.model = "gpt2";
    out_.pre = pre;
    if (pre.empty()) {
      NIBBLE_TRY(out_.pre, detect_pretokenizer(root_, path_));
    }
    for (const JsonValue part : hf_parts(root_["normalizer"], "normalizers")) {
      const auto type = part["type"].as_string().value_or("?");
      if (type != "NFC")
        return bad(ErrorKind::kUnsupported, "normalizer", "has ", quoted(type),
                   ", for which GGUF has no key");
      out_.notes.push_back(
          "texts are not brought into Unicode's form NFC first, as the library would (nor does llama.cpp)");
    }
    NIBBLE_CHECK_OK(read_map([](std::string_view text) { return std::string(text); }));
    NIBBLE_TRY(const auto list, merges());
    for (const auto& [left, right] : list) {
      if (left.find(' ') != left.npos || right.find(' ') != right.npos)
        return bad(ErrorKind::kUnsupported, "model.merges", "has a token with a space, ",
                   quoted(concat(left, right)));
      out_.merges.push_back(concat(left, " ", right));
    }
    return {};
  }

  // Spaces written as "▁": by a normalizer or a pre-tokenizer. Says whether the text gets one in front.
  Status read_space_marks(bool collapses) {
    bool marked = false, prefix = false;
    const auto refuse = [&](std::string_view key, JsonValue part) {
      return bad(ErrorKind::kUnsupported, key, "has ", quoted(part["type"].as_string().value_or("?")), " ",
                 quoted(part["pattern"]["Regex"].as_string().value_or(
                     part["pattern"]["String"].as_string().value_or(""))),
                 ", for which GGUF has no key");
    };
    for (const JsonValue part : hf_parts(root_["normalizer"], "normalizers")) {
      const auto type = part["type"].as_string().value_or("?");
      const auto regex = part["pattern"]["Regex"].as_string();
      if (type == "Prepend" && part["prepend"].as_string() == kSpaceMark) {
        prefix = true;
      } else if (type == "Replace" && part["pattern"]["String"].as_string() == " " &&
                 part["content"].as_string() == kSpaceMark) {
        marked = true;
      } else if (collapses && type == "Replace" && regex == " {2,}") {
        out_.remove_extra_whitespaces = true;
        marked = marked || part["content"].as_string() == kSpaceMark;
      } else if (collapses && type == "Precompiled") {
        NIBBLE_TRY(out_.precompiled_charsmap,
                   decode_base64(part["precompiled_charsmap"].as_string().value_or(""),
                                 concat(path_, ": precompiled_charsmap")));
      } else {
        return refuse("normalizer", part);
      }
    }
    for (const JsonValue part : hf_parts(root_["pre_tokenizer"], "pretokenizers")) {
      const auto type = part["type"].as_string().value_or("?");
      if (type == "Metaspace" && part["replacement"].as_string() == kSpaceMark) {
        marked = true;
        prefix = part["prepend_scheme"].exists() ? part["prepend_scheme"].as_string() != "never"
                                                 : part["add_prefix_space"].as_bool().value_or(true);
      } else if (type != "WhitespaceSplit" &&
                 !(type == "Split" && part["pattern"]["String"].as_string() == " ")) {
        return refuse("pre_tokenizer", part);  // splitting at spaces does nothing once they are marked
      }
    }
    if (!marked)
      return bad(ErrorKind::kUnsupported, "normalizer",
                 "and pre_tokenizer leave spaces as they are, wanted \"▁\" or ByteLevel");
    out_.add_space_prefix = prefix;
    return {};
  }

  // Merges in order of rank become scores: tokens that merge first have the greatest.
  Status read_spm() {
    out_.model = "llama";
    out_.pre = "default";
    NIBBLE_CHECK_OK(read_space_marks(false));
    NIBBLE_CHECK_OK(read_map([](std::string_view text) { return std::string(text); }));
    NIBBLE_TRY(const auto list, merges());
    std::map<std::string, size_t, std::less<>> ranks;
    for (size_t i = 0; i < list.size(); ++i) ranks.emplace(concat(list[i].first, list[i].second), i);
    out_.scores.assign(out_.tokens.size(), 0);
    for (size_t id = 0; id < out_.tokens.size(); ++id) {
      const std::string& text = out_.tokens[id];
      if (is_byte_token(text)) out_.types[id] = int32_t(TokenType::kByte);
      if (out_.types[id] != int32_t(TokenType::kNormal)) continue;
      const auto rank = ranks.find(text);
      out_.scores[id] = -float(rank == ranks.end() ? list.size() + id : rank->second);
    }
    return {};
  }

  Status read_unigram() {
    out_.model = "t5";
    out_.pre = "default";
    NIBBLE_CHECK_OK(read_space_marks(true));
    const JsonValue vocab = model_["vocab"];
    if (!vocab.is_array() || vocab.size() == 0)
      return bad(ErrorKind::kBadFile, "model.vocab", "is ", json_kind_name(vocab.kind()),
                 ", wanted an array of tokens");
    const int64_t unknown = model_["unk_id"].as_int().value_or(-1);
    out_.scores.assign(out_.tokens.size(), 0);
    int64_t id = 0;
    for (const JsonValue entry : vocab.elements()) {
      const auto parts = entry.elements();
      const auto text = entry.size() == 2 ? (*parts.begin()).as_string() : std::nullopt;
      const auto score = entry.size() == 2 ? (*++parts.begin()).as_double() : std::nullopt;
      if (!text || !score || !(std::abs(*score) <= double(std::numeric_limits<float>::max())))
        return bad(ErrorKind::kBadFile, "model.vocab", "has no token and score at ", id);
      const TokenType type = id == unknown          ? TokenType::kUnknown
                             : is_byte_token(*text) ? TokenType::kByte
                                                    : TokenType::kNormal;
      NIBBLE_CHECK_OK(put(id, std::string(*text), type));
      if (id < rows_) out_.scores[size_t(id)] = float(*score);
      ++id;
    }
    out_.special.unknown = unknown >= 0 && unknown < rows_ ? TokenId(unknown) : kNoToken;
    return {};
  }

  // GGUF marks the pieces that begin a word, the library those that go on.
  Status read_wordpiece() {
    out_.model = "bert";
    out_.pre = "default";
    const std::string_view next = model_["continuing_subword_prefix"].as_string().value_or("##");
    for (const JsonValue part : hf_parts(root_["normalizer"], "normalizers")) {
      if (part["type"].as_string() != "BertNormalizer")
        return bad(ErrorKind::kUnsupported, "normalizer", "has ",
                   quoted(part["type"].as_string().value_or("?")), ", wanted BertNormalizer");
      out_.lowercase = part["lowercase"].as_bool().value_or(true);
      out_.strip_accents = part["strip_accents"].as_bool().value_or(*out_.lowercase);
    }
    return read_map([&](std::string_view text) {
      if (text.starts_with('[') && text.ends_with(']')) return std::string(text);
      if (text.starts_with(next)) return std::string(text.substr(next.size()));
      return concat(kSpaceMark, text);
    });
  }

  // Tokens that are matched in the text before anything else.
  Status read_added() {
    for (const JsonValue added : root_["added_tokens"].elements()) {
      const auto content = added["content"].as_string();
      const auto id = added["id"].as_int();
      if (!content) return bad(ErrorKind::kBadFile, "added_tokens", "has an entry without content");
      const bool special = added["special"].as_bool().value_or(false);
      std::string text(*content);
      if (id && *id >= 0 && *id < rows_ && out_.types[size_t(*id)] != 0) {
        out_.tokens[size_t(*id)] = text;  // its own text stands, whatever the kind writes spaces as
        if (out_.types[size_t(*id)] == int32_t(TokenType::kUnknown)) continue;
      }
      if (!special && out_.model == "llama") text = unmark(text);
      if (id && *id >= 0 && *id < rows_) out_.types[size_t(*id)] = 0;
      NIBBLE_CHECK_OK(put(id, text, special ? TokenType::kControl : TokenType::kUserDefined));
      out_.strips_right = out_.strips_right || (special && added["rstrip"].as_bool().value_or(false));
    }
    return {};
  }

  // User-defined tokens are looked for in the text as it is, with spaces.
  static std::string unmark(std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const bool mark = text.substr(at).starts_with(kSpaceMark);
      out += mark ? ' ' : text[at];
      at += mark ? kSpaceMark.size() : 1;
    }
    return out;
  }

  void fill_holes() {
    size_t holes = 0;
    for (size_t id = 0; id < out_.tokens.size(); ++id) {
      if (out_.types[id] != 0) continue;
      out_.tokens[id] = concat("[PAD", id, "]");
      out_.types[id] = int32_t(TokenType::kUnused);
      ++holes;
    }
    if (holes > 0) out_.notes.push_back(concat(holes, " rows of the embedding have no token"));
    if (beyond_ > 0)
      out_.notes.push_back(concat(beyond_, " tokens have no row in the embedding and are left out"));
  }

  static constexpr int64_t kMaxId = int64_t(kMaxTokens) - 1;
  JsonValue root_, model_;
  const std::string& path_;
  int64_t rows_;
  HfVocabulary& out_;
  size_t beyond_ = 0;
};

}  // namespace

Status read_hf_tokenizer(JsonValue root, const std::string& path, int64_t rows, const std::string& pre,
                         HfVocabulary& out) {
  return TokenizerReader(root, path, rows, out).read(pre);
}

}  // namespace nibble
