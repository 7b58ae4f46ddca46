#include "text/pretokenizer.h"

#include <gtest/gtest.h>

#include <numeric>

#include "text/unicode.h"
#include "vocabularies.h"

namespace nibble {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(std::string_view name, std::string_view text) {
  const Pretokenizer* rules = find_pretokenizer(name);
  if (!rules) return {"no such pre-tokenizer"};
  std::vector<uint32_t> ends, more;
  pretokenize(*rules, text, ends, more);
  Pieces out;
  size_t begin = 0;
  for (const size_t end : ends) {
    out.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return out;
}

TEST(Pretokenizer, EveryNameTheFilesUse) {
  for (const char* name :
       {"default", "llama-bpe", "gpt-2", "qwen2", "deepseek-llm", "deepseek-coder", "falcon", "starcoder",
        "refact", "smollm", "smaug-bpe", "tekken", "gpt-4o", "dbrx", "mpt"})
    EXPECT_TRUE(find_pretokenizer(name)) << name;
  EXPECT_FALSE(find_pretokenizer(""));
  EXPECT_FALSE(find_pretokenizer("llama"));
  EXPECT_TRUE(find_pretokenizer("llama-bpe")->whole_words);
  EXPECT_TRUE(find_pretokenizer("tekken")->whole_words);
  EXPECT_FALSE(find_pretokenizer("smaug-bpe")->whole_words);
}

TEST(Pretokenizer, Gpt2) {
  EXPECT_EQ(split("gpt-2", "Hello  world's 12345 !?\n\n x"),
            (Pieces{"Hello", " ", " world", "'s", " 12345", " !?", "\n\n", " x"}));
  EXPECT_EQ(split("gpt-2", "I'LL it'll"), (Pieces{"I", "'", "LL", " it", "'ll"}))
      << "contractions in lower case only";
  EXPECT_EQ(split("gpt-2", "a   "), (Pieces{"a", "   "}));
  EXPECT_EQ(split("gpt-2", "é\xCC\x81x\xC2\xA0y"), (Pieces{"é", "\xCC\x81", "x", "\xC2\xA0", "y"}))
      << "marks are no letters; only a plain space joins";
}

TEST(Pretokenizer, Llama3) {
  EXPECT_EQ(split("llama-bpe", "I'LL  world's 12345 !?\r\n\n x\ty"),
            (Pieces{"I", "'LL", " ", " world", "'s", " ", "123", "45", " !?\r\n\n", " x", "\ty"}));
  EXPECT_EQ(split("llama-bpe", "  \n  \n  a"), (Pieces{"  \n  \n", " ", " a"}));
  EXPECT_EQ(split("llama-bpe", "(word -x ' "), (Pieces{"(word", " -", "x", " '", " "}));
  EXPECT_EQ(split("dbrx", "12345"), (Pieces{"123", "45"}));
}

TEST(Pretokenizer, Qwen2) {
  EXPECT_EQ(split("qwen2", " 12345's"), (Pieces{" ", "1", "2", "3", "4", "5", "'s"}));
}

TEST(Pretokenizer, CasedLetters) {
  EXPECT_EQ(split("gpt-4o", "helloWorld HTMLParser I'm"), (Pieces{"hello", "World", " HTMLParser", " I'm"}));
  EXPECT_EQ(split("tekken", "helloWorld I'm 123"),
            (Pieces{"hello", "World", " I", "'m", " ", "1", "2", "3"}));
  EXPECT_EQ(split("gpt-4o", "12345 a/b//\n/x"), (Pieces{"123", "45", " a", "/b", "//\n/", "x"}));
  EXPECT_EQ(split("tekken", "éAB!"), (Pieces{"é", "AB", "!"}))
      << "a letter beyond ASCII is of both cases: back to the last one";
  EXPECT_EQ(split("tekken", "ABéCD é"), (Pieces{"ABé", "CD", " é"}));
  EXPECT_EQ(split("tekken", "ABéCDx"), (Pieces{"ABéCDx"}));
}

TEST(Pretokenizer, SeveralSteps) {
  EXPECT_EQ(split("starcoder", "a 123"), (Pieces{"a", " ", "1", "2", "3"}));
  EXPECT_EQ(split("falcon", "a1234 =>b"), (Pieces{"a", "123", "4", " ", "=>", "b"}));
  EXPECT_EQ(split("default", "x 1234567 (y)"), (Pieces{"x", " ", "123", "456", "7", " ", "(", "y", ")"}));
  EXPECT_EQ(split("deepseek-llm", "Hi, 中文 12\nx \n"),
            (Pieces{"Hi", ",", " ", "中文", " ", "12", "\n", "x", " ", "\n"}));
  EXPECT_EQ(split("deepseek-coder", "Hi, 中文 12\nx"),
            (Pieces{"Hi", ",", " ", "中文", " ", "1", "2", "\n", "x"}));
  EXPECT_EQ(split("deepseek-llm", " héllo"), (Pieces{" h", "é", "llo"}))
      << "the step for marks has all of ASCII's letters, but no other";
}

// Whatever the text, the pieces are whole characters and put together give it back.
TEST(Pretokenizer, PiecesCoverTheText) {
  std::mt19937_64 random(4);
  for (const Pretokenizer& rules : pretokenizers()) {
    for (int i = 0; i < 300; ++i) {
      std::string storage;
      const std::string raw = testing::random_text(random, random() % 60, i % 2 ? 7 : 0);
      const std::string text(normalized_utf8(raw, storage));
      const Pieces pieces = split(rules.name, text);
      ASSERT_EQ(std::accumulate(pieces.begin(), pieces.end(), std::string()), text) << rules.name;
      for (const std::string& piece : pieces) {
        ASSERT_FALSE(piece.empty());
        ASSERT_NE(uint8_t(piece[0]) & 0xC0, 0x80) << rules.name << " cut a character of " << text;
      }
    }
  }
}

}  // namespace
}  // namespace nibble
