// SentencePiece-style tokenizing as GGUF files of model "llama" mean it: the text, spaces written "▁", is cut
// into characters, and neighbours whose joined text is a token merge in the order of that token's score. What
// forms no token is written as byte tokens.
#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <limits>

#include "text/tokenizer_model.h"
#include "text/unicode.h"

namespace nibble {
namespace {

class SpmModel final : public TokenizerModel {
 public:
  SpmModel(const VocabularyData& data, const VocabularyTokens& tokens)
      : tokens_(tokens), symbols_(tokens), prefix_space_(data.add_space_prefix.value_or(true)) {
    intern_characters();
    add_merges();
    merges_.seal();
    note_neighbours();
    set_bytes();
  }

  void encode(std::string_view text, bool first, TokenizerScratch& scratch,
              std::vector<TokenId>& ids) const override;
  std::string piece_of_normal(std::string_view token) const override { return unmark_spaces(token); }

 private:
  void intern_characters();
  void add_merges();
  void note_neighbours();
  void set_bytes();
  size_t chunk_end(std::string_view text, size_t begin) const;
  void encode_chunk(std::string_view chunk, TokenizerScratch& scratch, std::vector<TokenId>& ids) const;
  bool may_result_from_merging(TokenId id) const {
    return tokens_.type(id) != TokenType::kControl && tokens_.type(id) != TokenType::kUnknown;
  }

  const VocabularyTokens& tokens_;
  SymbolTable symbols_;
  MergeTable merges_;
  bool prefix_space_;
  std::array<uint32_t, 128> ascii_;  // symbols of ASCII characters
  std::array<TokenId, 256> byte_;    // byte tokens; kNoToken: cannot be written
  std::bitset<256 * 256> apart_;     // [256 a + b]: no token spans the place between bytes a and b of a text
};

// Characters inside tokens take part in merges even where they are no token themselves.
void SpmModel::intern_characters() {
  for (size_t id = 0; id < tokens_.size(); ++id) {
    const std::string_view text = tokens_.text(TokenId(id));
    for (size_t at = 0; at < text.size();) {
      const size_t length = std::min(utf8_length(text[at]), text.size() - at);
      symbols_.intern(text.substr(at, length));
      at += length;
    }
  }
  for (size_t c = 0; c < ascii_.size(); ++c) {
    const char text = char(c);
    ascii_[c] = symbols_.find({&text, 1});
  }
}

// Every way to cut a token into two symbols is a merge; its rank is the place of the token's score, equal
// scores sharing a place. Scores that are no numbers come last.
void SpmModel::add_merges() {
  std::vector<float> order;
  const auto score = [&](size_t id) {
    const float s = tokens_.score(TokenId(id));
    return std::isnan(s) ? -std::numeric_limits<float>::infinity() : s;
  };
  for (size_t id = 0; id < tokens_.size(); ++id) order.push_back(score(id));
  std::sort(order.begin(), order.end(), std::greater<>());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  std::vector<uint64_t> prefix, powers;
  for (size_t id = 0; id < tokens_.size(); ++id) {
    const std::string_view text = tokens_.text(TokenId(id));
    if (text.size() < 2 || tokens_.find(text) != TokenId(id) || !may_result_from_merging(TokenId(id)))
      continue;
    const auto place = std::lower_bound(order.begin(), order.end(), score(id), std::greater<>());
    const MergeTable::Merge merge = {uint32_t(place - order.begin()), uint32_t(id)};
    TextIndex::prefix_hashes(text, prefix, powers);
    const auto symbol = [&](size_t begin, size_t end) {
      return symbols_.find(text.substr(begin, end - begin), TextIndex::substring(prefix, powers, begin, end));
    };
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const uint32_t left = symbol(0, cut);
      if (left == kNoSymbol) continue;
      if (const uint32_t right = symbol(cut, text.size()); right != kNoSymbol)
        merges_.add(left, right, merge);
    }
  }
}

void SpmModel::note_neighbours() {
  const auto place = [](uint8_t left, uint8_t right) { return size_t(left) * 256 + right; };
  std::bitset<256 * 256> together;  // some token has the second byte right after the first
  std::bitset<256> before_mark;     // some token has the byte right before "▁"
  for (size_t id = 0; id < tokens_.size(); ++id) {
    const std::string_view text = tokens_.text(TokenId(id));
    if (!may_result_from_merging(TokenId(id))) continue;
    for (size_t i = 1; i < text.size(); ++i) {
      together.set(place(uint8_t(text[i - 1]), uint8_t(text[i])));
      if (text.substr(i).starts_with(kSpaceMark)) before_mark.set(uint8_t(text[i - 1]));
    }
  }
  const auto written = [](size_t byte) { return byte == ' ' ? uint8_t(kSpaceMark.back()) : uint8_t(byte); };
  for (size_t left = 0; left < 256; ++left) {
    for (size_t right = 0; right < 256; ++right) {
      const uint8_t last = written(left);
      apart_[left * 256 + right] = right == ' ' ? !before_mark[last] : !together[place(last, uint8_t(right))];
    }
  }
}

void SpmModel::set_bytes() {
  byte_.fill(tokens_.special().unknown);
  for (size_t b = 0; b < 256; ++b) {
    const char raw = char(b);
    constexpr char kHex[] = "0123456789ABCDEF";
    const char name[] = {'<', '0', 'x', kHex[b >> 4], kHex[b & 15], '>'};
    TokenId id = tokens_.find({name, sizeof name});
    if (id == kNoToken) id = tokens_.find({&raw, 1});
    if (id != kNoToken) byte_[b] = id;
  }
}

// The end of the chunk that starts at `begin`: a place that no token can span, so that chunks tokenize apart.
// Characters are counted as the merging will see them: a first byte takes as many bytes as it promises, of
// which a space has three.
size_t SpmModel::chunk_end(std::string_view text, size_t begin) const {
  size_t missing = 0;  // bytes that the current character still takes
  uint8_t last = uint8_t(text[begin]);
  if (last >= 0x80) missing = utf8_length(char(last)) - 1;
  for (size_t at = begin + 1; at < text.size(); ++at) {
    const uint8_t byte = uint8_t(text[at]);
    if (missing == 0) {
      if (apart_[size_t(last) * 256 + byte]) return at;
      if (byte >= 0x80) missing = utf8_length(char(byte)) - 1;
    } else {
      missing = byte == ' ' ? 0 : missing - 1;
    }
    last = byte;
  }
  return text.size();
}

void SpmModel::encode_chunk(std::string_view chunk, TokenizerScratch& scratch,
                            std::vector<TokenId>& ids) const {
  std::string& word = scratch.word;
  word.clear();
  for (char c : chunk) {
    if (c == ' ') {
      word += kSpaceMark;
    } else {
      word += c;
    }
  }
  auto& symbols = scratch.symbols;
  symbols.clear();
  for (size_t at = 0; at < word.size();) {
    const size_t length = std::min(utf8_length(word[at]), word.size() - at);
    const uint32_t id = uint8_t(word[at]) < 0x80 ? ascii_[uint8_t(word[at])]
                                                 : symbols_.find(std::string_view(word).substr(at, length));
    symbols.push_back({id, uint32_t(at)});
    at += length;
  }
  merges_.apply(symbols, scratch.merge);
  append_tokens(symbols, word, tokens_.size(), byte_, ids);
}

void SpmModel::encode(std::string_view text, bool first, TokenizerScratch& scratch,
                      std::vector<TokenId>& ids) const {
  if (first && prefix_space_) {
    scratch.text.assign(1, ' ');
    scratch.text += text;
    text = scratch.text;
  }
  constexpr size_t kSegment = 8192;  // chunks worked on at a time, to stay in a core's caches
  while (!text.empty()) {
    scratch.ends.clear();
    size_t end = 0;
    while (end < text.size() && scratch.ends.size() < kSegment) {
      end = chunk_end(text, end);
      scratch.ends.push_back(uint32_t(end));
    }
    scratch.cache.encode_words(
        text, scratch.ends, ids,
        [&](std::string_view chunk, std::vector<TokenId>& out) { encode_chunk(chunk, scratch, out); });
    text.remove_prefix(end);
  }
}

}  // namespace

Result<std::unique_ptr<TokenizerModel>> make_spm(const VocabularyData& data, const VocabularyTokens& tokens) {
  return std::make_unique<SpmModel>(data, tokens);
}

}  // namespace nibble
