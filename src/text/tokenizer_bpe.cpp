// Byte-level BPE (model "gpt2"): every byte has a printable character of its own, tokens and merges are
// written in those; a named pre-tokenizer cuts the text into words, and inside a word the best-ranked pair
// merges first.
#include <array>

#include "base/quote.h"
#include "text/pretokenizer.h"
#include "text/tokenizer_model.h"
#include "text/unicode.h"

namespace nibble {
namespace {

// The character that stands for a byte: itself where it is printable Latin-1, else the next of U+0100...
constexpr std::array<uint16_t, 256> kByteCharacter = [] {
  std::array<uint16_t, 256> out{};
  uint16_t next = 256;
  for (uint16_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD);
    out[b] = printable ? b : next++;
  }
  return out;
}();

constexpr uint32_t kCharacterLimit = 0x144;  // one past the last of those characters
constexpr std::array<int16_t, kCharacterLimit> kCharacterByte = [] {
  std::array<int16_t, kCharacterLimit> out{};
  for (auto& b : out) b = -1;
  for (int16_t b = 0; b < 256; ++b) out[kByteCharacter[size_t(b)]] = b;
  return out;
}();

// The bytes that a token's characters stand for; false where one is not of the alphabet.
bool decode_token(std::string_view token, std::string& bytes) {
  bytes.clear();
  for (size_t at = 0; at < token.size();) {
    const Decoded c = decode_utf8(token, at);
    if (!c.valid || c.codepoint >= kCharacterLimit || kCharacterByte[c.codepoint] < 0) return false;
    bytes += char(kCharacterByte[c.codepoint]);
    at += c.length;
  }
  return true;
}

bool is_ascii_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

// Texts are worked on in parts that fit a core's caches. Between a letter and a space that a letter follows
// every pre-tokenizer cuts, and none looks across.
size_t segment_end(std::string_view text, size_t begin) {
  constexpr size_t kSegment = 32768;
  for (size_t at = begin + kSegment; at + 1 < text.size(); ++at) {
    if (text[at] == ' ' && is_ascii_letter(text[at - 1]) && is_ascii_letter(text[at + 1])) return at;
  }
  return text.size();
}

class BpeModel final : public TokenizerModel {
 public:
  BpeModel(const VocabularyData& data, const VocabularyTokens& tokens, const Pretokenizer& pre)
      : tokens_(tokens), pre_(pre), merges_(data.merges.size()) {
    SymbolTable symbols(tokens);
    for (size_t b = 0; b < 256; ++b) {
      std::string character;
      append_utf8(character, kByteCharacter[b]);
      byte_[b] = symbols.intern(character);
      byte_token_[b] = byte_[b] < tokens_.size() ? TokenId(byte_[b]) : tokens_.special().unknown;
    }
    add_merges(data, symbols);
    merges_.seal();
    if (pre.whole_words) add_words();
  }

  void encode(std::string_view text, bool first, TokenizerScratch& scratch,
              std::vector<TokenId>& ids) const override;
  std::string piece_of_normal(std::string_view token) const override {
    std::string bytes;
    return decode_token(token, bytes) ? bytes : std::string(token);
  }

 private:
  void add_merges(const VocabularyData& data, SymbolTable& symbols);
  void add_words();
  void encode_word(std::string_view word, TokenizerScratch& scratch, std::vector<TokenId>& ids) const;

  const VocabularyTokens& tokens_;
  const Pretokenizer& pre_;
  MergeTable merges_;
  std::array<uint32_t, 256> byte_;       // symbols of single bytes
  std::array<TokenId, 256> byte_token_;  // and their tokens, the unknown one where there is none
  std::vector<char> word_texts_;         // tokens as bytes, for pre_.whole_words; words_ holds views of it
  TextIndex words_;
};

// "left right", split at the first space that is not the first character. A line without one merges nothing.
void BpeModel::add_merges(const VocabularyData& data, SymbolTable& symbols) {
  for (size_t rank = 0; rank < data.merges.size(); ++rank) {
    const std::string_view line = data.merges[rank];
    const size_t space = line.find(' ', 1);
    if (space == line.npos) continue;
    const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
    if (right.empty()) continue;
    const uint32_t merged = symbols.intern(std::string(left) + std::string(right));
    merges_.add(symbols.intern(left), symbols.intern(right), {uint32_t(rank), merged});
  }
}

void BpeModel::add_words() {
  std::string bytes;
  std::vector<std::pair<size_t, TokenId>> ends;
  for (size_t id = 0; id < tokens_.size(); ++id) {
    const std::string_view text = tokens_.text(TokenId(id));
    if (tokens_.find(text) != TokenId(id) || !decode_token(text, bytes)) continue;
    word_texts_.insert(word_texts_.end(), bytes.begin(), bytes.end());
    ends.push_back({word_texts_.size(), TokenId(id)});
  }
  words_ = TextIndex(ends.size());
  size_t begin = 0;
  for (const auto& [end, id] : ends) {
    words_.insert({word_texts_.data() + begin, end - begin}, uint32_t(id));
    begin = end;
  }
}

void BpeModel::encode_word(std::string_view word, TokenizerScratch& scratch,
                           std::vector<TokenId>& ids) const {
  if (pre_.whole_words && word.size() <= kMaxTokenBytes) {
    if (const uint32_t id = words_.find(word); id != TextIndex::kMissing) {
      ids.push_back(TokenId(id));
      return;
    }
  }
  auto& symbols = scratch.symbols;
  symbols.resize(word.size());
  for (size_t i = 0; i < word.size(); ++i) symbols[i] = {byte_[uint8_t(word[i])], uint32_t(i)};
  merges_.apply(symbols, scratch.merge);
  append_tokens(symbols, word, tokens_.size(), byte_token_, ids);
}

void BpeModel::encode(std::string_view raw, bool /*first*/, TokenizerScratch& scratch,
                      std::vector<TokenId>& ids) const {
  const std::string_view text = normalized_utf8(raw, scratch.text);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = segment_end(text, begin);
    pretokenize(pre_, text.substr(begin, end - begin), scratch.ends, scratch.more_ends);
    scratch.cache.encode_words(
        text.substr(begin), scratch.ends, ids,
        [&](std::string_view word, std::vector<TokenId>& out) { encode_word(word, scratch, out); });
    begin = end;
  }
}

}  // namespace

Result<std::unique_ptr<TokenizerModel>> make_bpe(const VocabularyData& data, const VocabularyTokens& tokens,
                                                 std::string_view pre) {
  const Pretokenizer* rules = find_pretokenizer(pre);
  if (!rules) {
    std::string known;
    for (const Pretokenizer& p : pretokenizers()) known += (known.empty() ? "" : ", ") + std::string(p.name);
    return fail(ErrorKind::kUnsupported, "tokenizer.ggml.pre: no pre-tokenizer is named ", quoted(pre),
                "; choose the nearest with the override, one of ", known);
  }
  if (data.merges.size() > kMaxMerges)
    return fail(ErrorKind::kLimit, "tokenizer.ggml.merges: ", data.merges.size(), " merges, the limit is ",
                kMaxMerges);
  for (size_t i = 0; i < data.merges.size(); ++i) {
    if (data.merges[i].size() > 2 * kMaxTokenBytes)
      return fail(ErrorKind::kLimit, "tokenizer.ggml.merges: line ", i, " has ", data.merges[i].size(),
                  " bytes, the limit is ", 2 * kMaxTokenBytes);
  }
  return std::make_unique<BpeModel>(data, tokens, *rules);
}

}  // namespace nibble
