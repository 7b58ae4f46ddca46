// Small vocabularies that the tests write themselves, with the texts that their views point into, and random
// texts.
#pragma once
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "text/unicode.h"

namespace nibble::testing {

class VocabularyBuilder {
 public:
  explicit VocabularyBuilder(std::string model) { data_.model = std::move(model); }
  TokenId add(std::string text, float score = 0, TokenType type = TokenType::kNormal) {
    texts_.push_back(std::move(text));
    data_.tokens.push_back(texts_.back());
    data_.scores.push_back(score);
    data_.types.push_back(int32_t(type));
    return TokenId(data_.tokens.size() - 1);
  }
  void merge(const std::string& left, const std::string& right) {
    texts_.push_back(left + " " + right);
    data_.merges.push_back(texts_.back());
  }
  VocabularyData& data() { return data_; }
  Result<Tokenizer> create(const std::string& pre = "") { return Tokenizer::create(data_, {.pre = pre}); }

 private:
  std::deque<std::string> texts_;  // stay in place
  VocabularyData data_;
};

// The character of the byte-level alphabet that stands for a byte.
inline std::string byte_character(unsigned byte) {
  const auto plain = [](unsigned b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
  };
  uint32_t codepoint = byte;
  if (!plain(byte)) {
    codepoint = 256;
    for (unsigned b = 0; b < byte; ++b) codepoint += !plain(b);
  }
  std::string out;
  append_utf8(out, codepoint);
  return out;
}

inline std::string byte_characters(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += byte_character(uint8_t(byte));
  return out;
}

// <unk> <s> </s>, the 256 byte tokens, then some words and pieces of English with scores by length.
inline VocabularyBuilder small_spm() {
  VocabularyBuilder v("llama");
  v.add("<unk>", 0, TokenType::kUnknown);
  v.add("<s>", 0, TokenType::kControl);
  v.add("</s>", 0, TokenType::kControl);
  for (unsigned b = 0; b < 256; ++b) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", b);
    v.add(name, 0, TokenType::kByte);
  }
  float score = -1;
  for (const char* text :
       {"▁",      "▁▁",   "▁▁▁▁", "t",    "h",    "e",   "a",   "n",    "d",   "o",      "r",
        "l",      "w",    "s",    ".",    "é",    "中",  "th",  "he",   "▁t",  "▁th",    "▁the",
        "in",     "an",   "and",  "▁and", "or",   "wor", "▁w",  "▁wor", "ld",  "▁world", "hell",
        "▁hello", "ello", "ll",   "aa",   "aaaa", "a.",  "s▁t", "é中",  "中中"})
    v.add(text, score -= 1);
  return v;
}

// The 256 bytes and some merges; <|end|> is a control token, "<tool>" user-defined.
inline VocabularyBuilder small_bpe() {
  VocabularyBuilder v("gpt2");
  for (unsigned b = 0; b < 256; ++b) v.add(byte_character(b));
  for (const auto& [left, right] : std::vector<std::pair<const char*, const char*>>{{"h", "e"},
                                                                                    {"t", "he"},
                                                                                    {" ", "the"},
                                                                                    {"l", "l"},
                                                                                    {"he", "ll"},
                                                                                    {"hell", "o"},
                                                                                    {" ", " "},
                                                                                    {"  ", "  "},
                                                                                    {"a", "a"},
                                                                                    {"aa", "aa"},
                                                                                    {"1", "2"},
                                                                                    {"12", "3"},
                                                                                    {"\n", "\n"},
                                                                                    {"\xC3", "\xA9"},
                                                                                    {"o", "r"},
                                                                                    {" ", "w"},
                                                                                    {" w", "or"},
                                                                                    {"'", "s"}}) {
    v.merge(byte_characters(left), byte_characters(right));
    v.add(byte_characters(std::string(left) + right));
  }
  v.add("<|end|>", 0, TokenType::kControl);
  v.add("<tool>", 0, TokenType::kUserDefined);
  return v;
}

inline VocabularyBuilder small_wordpiece() {
  VocabularyBuilder v("bert");
  v.add("[PAD]", 0, TokenType::kControl);
  const TokenId unknown = v.add("[UNK]", 0, TokenType::kUnknown);
  const TokenId cls = v.add("[CLS]", 0, TokenType::kControl);
  const TokenId sep = v.add("[SEP]", 0, TokenType::kControl);
  for (const char* text : {"▁the", "▁un", "believ", "able", "▁cafe", "▁,", "▁.", "s", "▁a", "a", "▁中", "▁'",
                           "▁1", "2", "▁strasse", "▁ss"})
    v.add(text);
  v.data().special = {.unknown = unknown, .separator = sep, .cls = cls};
  return v;
}

inline VocabularyBuilder small_unigram() {
  VocabularyBuilder v("t5");
  v.add("<pad>", 0, TokenType::kControl);
  v.add("</s>", 0, TokenType::kControl);
  v.add("<unk>", 0, TokenType::kUnknown);
  for (const auto& [text, score] : std::vector<std::pair<const char*, float>>{{"▁", -3},
                                                                              {"▁the", -2},
                                                                              {"▁th", -4},
                                                                              {"e", -3},
                                                                              {"t", -5},
                                                                              {"h", -5},
                                                                              {"a", -4},
                                                                              {"aa", -5},
                                                                              {"aaa", -9},
                                                                              {"▁cat", -6},
                                                                              {"s", -2}})
    v.add(text, score);
  v.data().add_space_prefix = true;
  v.data().remove_extra_whitespaces = true;
  return v;
}

// Text of letters, blanks, digits, marks, accents, CJK, and (one piece in `invalid_one_in`) bytes that are no
// UTF-8.
inline std::string random_text(std::mt19937_64& random, size_t pieces, unsigned invalid_one_in) {
  static const std::vector<std::string> kPieces = {"the",
                                                   " the",
                                                   "hello",
                                                   " world",
                                                   "a",
                                                   "aa",
                                                   "h",
                                                   "e",
                                                   "l",
                                                   "o",
                                                   " ",
                                                   "  ",
                                                   "    ",
                                                   "\n",
                                                   "\r\n",
                                                   "\t",
                                                   "1",
                                                   "12",
                                                   "1234",
                                                   "'s",
                                                   "'S",
                                                   "'",
                                                   "é",
                                                   "e\xCC\x81",
                                                   "中",
                                                   "中中",
                                                   "é中",
                                                   "▁",
                                                   ".",
                                                   ",",
                                                   "...",
                                                   "<|end|>",
                                                   "<tool>",
                                                   "<s>",
                                                   "[CLS]",
                                                   "İ",
                                                   "ß",
                                                   "Ⱥ",
                                                   "한",
                                                   "\xC2\xA0",
                                                   "\xE3\x80\x80",
                                                   "🙂",
                                                   "A",
                                                   "ABC",
                                                   "Ab",
                                                   "٣",
                                                   "_",
                                                   "$"};
  std::string out;
  for (; pieces > 0; --pieces) {
    if (invalid_one_in && random() % invalid_one_in == 0) {
      out += char(0x80 + random() % 128);
    } else {
      out += kPieces[random() % kPieces.size()];
    }
  }
  return out;
}

}  // namespace nibble::testing
