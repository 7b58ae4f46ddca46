#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace nibble {
namespace {

StopMatcher make(const std::vector<std::string>& stops) {
  auto matcher = StopMatcher::create(stops);
  EXPECT_TRUE(matcher) << matcher.error().message;
  return *std::move(matcher);
}

// Pushes the parts; after a finish() when nothing matched.
std::string run(StopMatcher& matcher, const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += matcher.push(part);
  if (!matcher.stopped()) out += matcher.finish();
  return out;
}

TEST(StopMatcher, WithoutStopsTextPassesAtOnce) {
  StopMatcher matcher;
  EXPECT_EQ(matcher.push("hello"), "hello");
  EXPECT_EQ(matcher.held(), 0u);
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, CutsBeforeTheStopString) {
  StopMatcher matcher = make({"END"});
  EXPECT_EQ(run(matcher, {"one two END three"}), "one two ");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.matched(), "END");
  EXPECT_EQ(matcher.push("more"), "");
}

TEST(StopMatcher, MayStretchOverPushes) {
  StopMatcher matcher = make({"\n\nUser:"});
  EXPECT_EQ(matcher.push("Hi.\n"), "Hi.");
  EXPECT_EQ(matcher.push("\nUs"), "");
  EXPECT_EQ(matcher.held(), 4u);
  EXPECT_EQ(matcher.push("er:"), "");
  EXPECT_TRUE(matcher.stopped());
}

TEST(StopMatcher, GivesBackWhatWasNoStop) {
  StopMatcher matcher = make({"STOP"});
  EXPECT_EQ(matcher.push("ST"), "");
  EXPECT_EQ(matcher.push("AR"), "STAR");
  EXPECT_EQ(matcher.push("STO"), "");
  EXPECT_EQ(matcher.finish(), "STO");
  EXPECT_FALSE(matcher.stopped());
}

TEST(StopMatcher, OverlappingBeginnings) {
  StopMatcher matcher = make({"aab"});
  EXPECT_EQ(run(matcher, {"a", "a", "a", "a", "b", "c"}), "aa");
}

TEST(StopMatcher, TheFirstToEndWinsAndTheLongestOfThose) {
  StopMatcher first = make({"xabcd", "ab"});
  EXPECT_EQ(run(first, {"xabcd"}), "x");
  StopMatcher longest = make({"c", "abc", "bc"});
  EXPECT_EQ(run(longest, {"xxabcd"}), "xx");
  EXPECT_EQ(longest.matched(), "abc");
}

TEST(StopMatcher, SurvivesBeingMoved) {
  StopMatcher matcher = make({"ab"});
  EXPECT_EQ(matcher.push("a"), "");
  StopMatcher moved = std::move(matcher);
  EXPECT_EQ(moved.push("b"), "");
  StopMatcher again = std::move(moved);
  EXPECT_EQ(again.matched(), "ab");
}

TEST(StopMatcher, RefusesWhatCannotBeMeant) {
  EXPECT_FALSE(StopMatcher::create({""}));
  EXPECT_FALSE(StopMatcher::create({std::string(5000, 'x')}));
  EXPECT_FALSE(StopMatcher::create(std::vector<std::string>(65, "x")));
}

// Against the plain definition: cut before the occurrence that ends first, the longest of those.
TEST(StopMatcher, AgreesWithASearchOfTheWholeText) {
  std::mt19937 random(7);
  const auto text_of = [&](size_t length) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text += char('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops;
    for (size_t i = 0, count = 1 + random() % 3; i < count; ++i) stops.push_back(text_of(2 + random() % 6));
    const std::string text = text_of(random() % 40);
    size_t end = std::string::npos, start = 0;
    for (size_t e = 1; e <= text.size() && end == std::string::npos; ++e)
      for (const std::string& stop : stops)
        if (stop.size() <= e && text.compare(e - stop.size(), stop.size(), stop) == 0)
          if (end == std::string::npos || e - stop.size() < start) end = e, start = e - stop.size();
    StopMatcher matcher = make(stops);
    std::vector<std::string> parts;
    for (size_t at = 0; at < text.size();) {
      const size_t length = 1 + random() % 5;
      parts.push_back(text.substr(at, length));
      at += length;
    }
    EXPECT_EQ(run(matcher, parts), end == std::string::npos ? text : text.substr(0, start));
    EXPECT_EQ(matcher.stopped(), end != std::string::npos);
  }
}

}  // namespace
}  // namespace nibble
