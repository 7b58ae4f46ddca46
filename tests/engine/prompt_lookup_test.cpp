#include "engine/prompt_lookup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string_view>

namespace nibble {
namespace {

std::vector<TokenId> letters(std::string_view text) { return {text.begin(), text.end()}; }

std::string predicted(const PromptLookup& lookup, int count) {
  std::vector<TokenId> tokens;
  lookup.predict(count, tokens);
  return {tokens.begin(), tokens.end()};
}

TEST(PromptLookup, ForetellsWhatFollowedTheLongestMatch) {
  const PromptLookup lookup(letters("one cat sat. two cats ran. one cat"));
  EXPECT_EQ(lookup.match(), 7);
  EXPECT_EQ(predicted(lookup, 5), " sat.");
  EXPECT_EQ(char(lookup.next()), ' ');
}

TEST(PromptLookup, OfEqualMatchesTheLatestCounts) {
  EXPECT_EQ(predicted(PromptLookup(letters("abcX abcY abc")), 1), "Y");
}

TEST(PromptLookup, APeriodGoesOnForever) {
  EXPECT_EQ(predicted(PromptLookup(letters("xyzabcabc")), 8), "abcabcab");
  EXPECT_EQ(predicted(PromptLookup(letters("aaaa")), 5), "aaaaa");
}

TEST(PromptLookup, NothingIsForetoldWithoutThreeTokensInCommon) {
  for (const std::string_view text : {"", "a", "ab", "abc", "ab ab", "aaa", "abcdefgh"})
    EXPECT_EQ(PromptLookup(letters(text)).match(), 0) << text;
  EXPECT_EQ(predicted(PromptLookup(letters("abcdefgh")), 5), "");
}

// The same after every token as a search of the whole timeline, up to occurrences that are followed further.
TEST(PromptLookup, MatchesAreRealAndLongestWhenSearched) {
  for (const int alphabet : {2, 4, 50}) {
    std::mt19937 random{uint32_t(alphabet)};
    std::vector<TokenId> tokens;
    PromptLookup lookup(tokens);
    int found = 0;
    for (int i = 0; i < 600; ++i) {
      // Random letters, now and then a copy of what was there.
      TokenId token = TokenId(random() % uint32_t(alphabet));
      if (tokens.size() > 60 && i % 100 < 40) token = tokens[tokens.size() - 50];
      const bool expected = lookup.match() > 0 && lookup.next() == token;
      tokens.push_back(token);
      lookup.push(token);
      int longest = 0;
      for (size_t end = 3; end < tokens.size(); ++end) {
        int length = 0;
        while (length < int(end) && length < PromptLookup::kLongestMatch &&
               tokens[end - 1 - size_t(length)] == tokens[tokens.size() - 1 - size_t(length)])
          ++length;
        if (length >= 3) longest = std::max(longest, length);
      }
      if (!expected && alphabet == 50)  // few candidates: all of them are looked at
        EXPECT_EQ(lookup.match(), longest) << i;
      else
        EXPECT_LE(lookup.match(), longest) << i;
      found += lookup.match() > 0;
    }
    EXPECT_GT(found, 100) << alphabet;
  }
}

}  // namespace
}  // namespace nibble
