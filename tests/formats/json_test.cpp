// The JSON reader: what it reads, and what it refuses.
#include "formats/json.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nibble {
namespace {

JsonDocument parsed(std::string text) {
  auto document = JsonDocument::parse(std::move(text), "test.json");
  EXPECT_TRUE(document) << document.error().message;
  return *std::move(document);
}

TEST(Json, ReadsEveryKindOfValue) {
  const JsonDocument document = parsed(
      R"( {"a": [1, -2.5e3, true, false, null, "x"], "b": {"c": {}, "d": []}, "e": 9223372036854775807, "f": 18446744073709551615} )");
  const JsonValue root = document.root();
  EXPECT_EQ(root.size(), 4u);
  EXPECT_EQ(root["a"].size(), 6u);
  std::vector<JsonValue> elements;
  for (const JsonValue element : root["a"].elements()) elements.push_back(element);
  EXPECT_EQ(elements[0].as_int(), 1);
  EXPECT_EQ(elements[1].as_double(), -2500.0);
  EXPECT_EQ(elements[1].as_int(), std::nullopt);
  EXPECT_EQ(elements[2].as_bool(), true);
  EXPECT_EQ(elements[3].as_bool(), false);
  EXPECT_TRUE(elements[4].exists());
  EXPECT_FALSE(elements[4].has_value());
  EXPECT_EQ(elements[5].as_string(), "x");
  EXPECT_TRUE(root["b"]["c"].is_object());
  EXPECT_TRUE(root["b"]["d"].is_array());
  EXPECT_EQ(root["e"].as_int(), INT64_MAX);
  EXPECT_EQ(root["f"].as_int(), std::nullopt);
  EXPECT_EQ(root["f"].as_double(), 0x1p64);
  std::string keys;
  for (const auto& [key, value] : root.members()) keys += key;
  EXPECT_EQ(keys, "abef");
}

TEST(Json, WhatIsNotThereIsAbsent) {
  const JsonDocument document = parsed(R"({"a": 1})");
  const JsonValue absent = document.root()["b"]["c"];
  EXPECT_FALSE(absent.exists());
  EXPECT_EQ(absent.as_string(), std::nullopt);
  EXPECT_EQ(document.root()["a"]["c"].kind(), JsonKind::kAbsent);
  int count = 0;
  for ([[maybe_unused]] const JsonValue element : absent.elements()) ++count;
  for ([[maybe_unused]] const auto member : document.root()["a"].members()) ++count;
  EXPECT_EQ(count, 0);
}

TEST(Json, UnescapesStrings) {
  const JsonDocument document =
      parsed(R"(["\"\\\/\b\f\n\r\t", "\u0041\u00e9\u20ac\ud83d\udc4d", "é€👍", "\u0000"])");
  std::vector<std::string> texts;
  for (const JsonValue element : document.root().elements()) texts.emplace_back(*element.as_string());
  EXPECT_EQ(texts[0], "\"\\/\b\f\n\r\t");
  EXPECT_EQ(texts[1], "Aé€👍");
  EXPECT_EQ(texts[2], "é€👍");
  EXPECT_EQ(texts[3], std::string(1, '\0'));
}

TEST(Json, RefusesWhatIsNone) {
  const std::string deep(100, '[');
  struct Refused {
    std::string text, wanted;
  };
  for (const auto& [text, wanted] : std::vector<Refused>{
           {"", "byte 0: wanted a value, found the end"},
           {"{", "wanted a key, found the end"},
           {"[1,]", "byte 3: wanted a value"},
           {"[1 2]", "byte 3: wanted ',' or ']'"},
           {"{\"a\" 1}", "byte 5: wanted ':'"},
           {"{a: 1}", "byte 1: wanted a key"},
           {"{} x", "byte 3: wanted the end"},
           {"01", "a number that starts with 0"},
           {"-", "wanted a value"},
           {"1.", "wanted a digit"},
           {"1e", "wanted a digit"},
           {"1e999", "outside the range of double"},
           {"NaN", "wanted a value"},
           {"nul", "wanted a value"},
           {"\"a", "wanted '\"', found the end"},
           {"\"\\", "wanted one of"},
           {"\"\\x\"", "wanted one of"},
           {"\"\\u12", "four hexadecimal digits"},
           {"\"\\u+123\"", "four hexadecimal digits"},
           {"\"\\ud800\"", "half of a surrogate pair"},
           {"\"\\ud800\\u0041\"", "half of a surrogate pair"},
           {"\"\\udc00\"", "half of a surrogate pair"},
           {"\"\n\"", "a control character"},
           {"\"\xff\"", "not UTF-8"},
           {"\"\xc0\x80\"", "not UTF-8"},
           {"\"\xed\xa0\x80\"", "not UTF-8"},
           {"\"\xf4\x90\x80\x80\"", "not UTF-8"},
           {"\"\xe2\x82\"", "not UTF-8"},
           {"{\"a\": 1, \"\\u0061\": 2}", "key 'a' stands twice"},
           {deep, "nested deeper than 64"},
       }) {
    const auto document = JsonDocument::parse(text, "test.json");
    ASSERT_FALSE(document) << text;
    EXPECT_NE(document.error().message.find(wanted), std::string::npos)
        << text << ": " << document.error().message;
    EXPECT_TRUE(document.error().message.starts_with("test.json: ")) << document.error().message;
  }
}

TEST(Json, NestsAsDeepAsItSays) {
  const std::string open(kJsonMaxDepth, '['), close(kJsonMaxDepth, ']');
  EXPECT_TRUE(JsonDocument::parse(open + close, "test.json"));
  EXPECT_FALSE(JsonDocument::parse("[" + open + close + "]", "test.json"));
}

TEST(Json, EveryTruncationIsRefused) {
  const std::string whole = R"({"a": [1, -2.5e3, true, null, "x\u00e9\n"], "b": {"c": {}}})";
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(JsonDocument::parse(whole.substr(0, size), "test.json")) << size;
}

}  // namespace
}  // namespace nibble
