#include "text/unicode.h"

#include <gtest/gtest.h>

namespace nibble {
namespace {

TEST(Unicode, ClassesOfVersion15_1) {
  EXPECT_EQ(codepoint_class('a'), kLetter);
  EXPECT_EQ(codepoint_class('5'), kNumber);
  EXPECT_EQ(codepoint_class(' '), kWhite);
  EXPECT_EQ(codepoint_class('\n'), kWhite);
  EXPECT_EQ(codepoint_class(0x85), kWhite);
  EXPECT_EQ(codepoint_class(0xA0), kWhite);
  EXPECT_EQ(codepoint_class(0x3000), kWhite);
  EXPECT_EQ(codepoint_class(0x1C), kControl) << "information separators are no White_Space";
  EXPECT_EQ(codepoint_class(0x200B), kControl);
  EXPECT_EQ(codepoint_class('$'), kSymbol);
  EXPECT_EQ(codepoint_class('!'), kPunctuation);
  EXPECT_EQ(codepoint_class(0x301), kMark);
  EXPECT_EQ(codepoint_class(0x2167), kNumber);  // Roman numeral eight
  EXPECT_EQ(codepoint_class(0x4E2D), kLetter);
  EXPECT_EQ(codepoint_class(0x10FFFF), 0);  // unassigned
  EXPECT_EQ(codepoint_class(0x378), 0);
  EXPECT_EQ(codepoint_class(0x2FFC), kSymbol);   // new in 15.1
  EXPECT_EQ(codepoint_class(0x2EBF0), kLetter);  // Extension I, new in 15.1
  EXPECT_EQ(codepoint_class(0x110000), 0);
  EXPECT_EQ(codepoint_class(0xFFFFFFFF), 0);
}

TEST(Unicode, LowerCase) {
  EXPECT_EQ(lowercase('A'), uint32_t('a'));
  EXPECT_EQ(lowercase('['), uint32_t('['));
  EXPECT_EQ(lowercase(0xC4), 0xE4u);
  EXPECT_EQ(lowercase(0x130), uint32_t('i'));
  EXPECT_EQ(lowercase(0x3A3), 0x3C3u);
  EXPECT_EQ(lowercase(0x23A), 0x2C65u) << "grows from two bytes to three";
  EXPECT_EQ(lowercase(0x10400), 0x10428u);
  EXPECT_EQ(lowercase(0x101), 0x101u);
  EXPECT_EQ(lowercase(0x100), 0x101u);
  EXPECT_EQ(lowercase(0xFFFFFFFF), 0xFFFFFFFFu);
}

TEST(Unicode, FirstOfDecomposition) {
  EXPECT_EQ(first_of_decomposition(0xE9), uint32_t('e'));
  EXPECT_EQ(first_of_decomposition('e'), uint32_t('e'));
  EXPECT_EQ(first_of_decomposition(0x1EAD), uint32_t('a'));  // two accents
  EXPECT_EQ(first_of_decomposition(0xAC00), 0x1100u);
  EXPECT_EQ(first_of_decomposition(0xD7A3), 0x1112u);
  EXPECT_EQ(first_of_decomposition(0xF900), 0x8C48u);  // compatibility ideograph
  EXPECT_EQ(first_of_decomposition(0xFB01), 0xFB01u);  // the ligature has no canonical decomposition
  EXPECT_EQ(first_of_decomposition(0xFFFFFFFF), 0xFFFFFFFFu);
}

TEST(Utf8, DecodesLeniently) {
  const auto decode = [](std::string_view text) { return decode_utf8(text, 0); };
  EXPECT_EQ(decode("a").codepoint, uint32_t('a'));
  EXPECT_EQ(decode("é").codepoint, 0xE9u);
  EXPECT_EQ(decode("🙂").codepoint, 0x1F642u);
  EXPECT_EQ(decode("\xC0\xAF").codepoint, uint32_t('/')) << "overlong forms pass";
  EXPECT_EQ(decode("\xED\xA0\x80").codepoint, 0xD800u) << "surrogates pass";
  for (const std::string_view invalid :
       {"\x80", "\xFF", "\xC3", "\xE2\x82", "\xE2\x41\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80"}) {
    EXPECT_FALSE(decode(invalid).valid);
    EXPECT_EQ(decode(invalid).codepoint, kReplacementCharacter);
    EXPECT_EQ(decode(invalid).length, 1u);
  }
}

TEST(Utf8, NormalizingReplacesWhatIsInvalid) {
  std::string storage;
  const std::string valid = "plain text, é and 🙂 and \xED\xA0\x80";
  EXPECT_EQ(normalized_utf8(valid, storage).data(), valid.data()) << "no copy where nothing changes";
  EXPECT_EQ(normalized_utf8("eight bytes\xFF then\xC0\xAF", storage), "eight bytes\xEF\xBF\xBD then/");
  EXPECT_EQ(normalized_utf8("\xE2\x82", storage), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8, EveryCodePointThereAndBack) {
  for (uint32_t c = 0; c <= kMaxCodepoint; ++c) {
    std::string text;
    append_utf8(text, c);
    const Decoded back = decode_utf8(text, 0);
    ASSERT_TRUE(back.valid);
    ASSERT_EQ(back.codepoint, c);
    ASSERT_EQ(back.length, text.size());
  }
}

}  // namespace
}  // namespace nibble
