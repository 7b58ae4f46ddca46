#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include "vocabularies.h"

namespace nibble {
namespace {

using testing::random_text;

// Whether the bytes are well-formed UTF-8, by the table of the Unicode standard (3-7), written another way
// than the detokenizer's.
bool is_utf8(std::string_view s) {
  const auto in = [&](size_t i, int low, int high) {
    return i < s.size() && uint8_t(s[i]) >= low && uint8_t(s[i]) <= high;
  };
  for (size_t i = 0; i < s.size();) {
    if (in(i, 0, 0x7F)) {
      i += 1;
    } else if (in(i, 0xC2, 0xDF) && in(i + 1, 0x80, 0xBF)) {
      i += 2;
    } else if (((in(i, 0xE0, 0xE0) && in(i + 1, 0xA0, 0xBF)) ||
                (in(i, 0xE1, 0xEC) && in(i + 1, 0x80, 0xBF)) ||
                (in(i, 0xED, 0xED) && in(i + 1, 0x80, 0x9F)) ||
                (in(i, 0xEE, 0xEF) && in(i + 1, 0x80, 0xBF))) &&
               in(i + 2, 0x80, 0xBF)) {
      i += 3;
    } else if (((in(i, 0xF0, 0xF0) && in(i + 1, 0x90, 0xBF)) ||
                (in(i, 0xF1, 0xF3) && in(i + 1, 0x80, 0xBF)) ||
                (in(i, 0xF4, 0xF4) && in(i + 1, 0x80, 0x8F))) &&
               in(i + 2, 0x80, 0xBF) && in(i + 3, 0x80, 0xBF)) {
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

class DetokenizerTest : public ::testing::Test {
 protected:
  DetokenizerTest() : vocabulary(testing::small_spm()), tokenizer(*vocabulary.create()) {}
  std::string stream(std::string_view bytes) const {
    Detokenizer detokenizer(tokenizer);
    std::string out;
    for (const char byte : bytes) out += detokenizer.push(3 + uint8_t(byte));
    return out + std::string(detokenizer.finish());
  }
  testing::VocabularyBuilder vocabulary;
  Tokenizer tokenizer;
};

TEST_F(DetokenizerTest, HoldsACharacterBackUntilItIsWhole) {
  Detokenizer detokenizer(tokenizer);
  EXPECT_EQ(detokenizer.push(3 + 0xF0), "");
  EXPECT_EQ(detokenizer.push(3 + 0x9F), "");
  EXPECT_EQ(detokenizer.push(3 + 0x99), "");
  EXPECT_EQ(detokenizer.pending(), 3u);
  EXPECT_EQ(detokenizer.push(3 + 0x82), "🙂");
  EXPECT_EQ(detokenizer.pending(), 0u);
  EXPECT_EQ(detokenizer.push(tokenizer.find("▁hello")), " hello");
  EXPECT_EQ(detokenizer.push(3 + 0xC3), "");
  EXPECT_EQ(detokenizer.push(tokenizer.find("th")), "\xEF\xBF\xBDth")
      << "what cannot become a character is replaced";
  EXPECT_EQ(detokenizer.push(3 + 0xE2), "");
  EXPECT_EQ(detokenizer.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(detokenizer.finish(), "");
  EXPECT_EQ(detokenizer.push(-1), "");
  EXPECT_EQ(detokenizer.push(1 << 30), "");
}

TEST_F(DetokenizerTest, ReplacesMaximalSubparts) {
  const std::string r = "\xEF\xBF\xBD";
  // The standard's own examples (Unicode 15.1, tables 3-8 to 3-11).
  EXPECT_EQ(stream("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(stream("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(stream("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(stream("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST_F(DetokenizerTest, NeverEmitsHalfACharacter) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_text(random, random() % 20, i % 2 ? 4 : 0);
    Detokenizer detokenizer(tokenizer, true, true);
    std::string out;
    // Tokens as they come, then every byte a token of its own.
    auto ids = tokenizer.encode(text);
    if (i % 3 == 0) {
      ids.clear();
      for (const char byte : text) ids.push_back(3 + uint8_t(byte));
    }
    for (const TokenId id : ids) {
      const std::string_view piece = detokenizer.push(id);
      ASSERT_TRUE(is_utf8(piece)) << text;
      ASSERT_LE(detokenizer.pending(), 3u);
      out += piece;
    }
    out += detokenizer.finish();
    ASSERT_TRUE(is_utf8(out));
    if (is_utf8(text) && i % 3 != 0 && text.find("▁") == text.npos) ASSERT_EQ(out, text);
  }
}

TEST_F(DetokenizerTest, DropsTheAddedSpaceOnlyAtTheStart) {
  Detokenizer start(tokenizer, false, true), middle(tokenizer);
  const TokenId hello = tokenizer.find("▁hello");
  EXPECT_EQ(start.push(1), "") << "control tokens are silent";
  EXPECT_EQ(start.push(hello), "hello");
  EXPECT_EQ(start.push(hello), " hello");
  EXPECT_EQ(middle.push(hello), " hello");
  Detokenizer special(tokenizer, true);
  EXPECT_EQ(special.push(1), "<s>");
}

}  // namespace
}  // namespace nibble
