#include "engine/draft_pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace nibble {
namespace {

// A machine on which a pass takes 1 + column_cost * (columns - 1), and a text in which predictions come true
// with a given chance.
struct World {
  double column_cost, chance;
  double noise = 0;  // some passes take twice as long

  // Seconds for `tokens`, over those of as many passes of one token.
  double relative_time(DraftPace& pace, int tokens, double prefill = 0) const {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> uniform(0, 1);
    double seconds = 0, plain = 0;
    pace.note_prefill(prefill);
    for (int done = 0, match = 3; done < tokens;) {
      const int drafted = pace.choose(match, kLongestDraft);
      const double disturbed = uniform(random) < noise ? 2 : 1;
      const double pass = (1 + column_cost * drafted) * disturbed;
      pace.note_pass(drafted, pass);
      seconds += pass;
      for (int i = 0;; ++i) {
        const bool hit = uniform(random) < chance;
        pace.note_prediction(match, hit);
        match = hit ? std::min(match + 1, 32) : 3;
        ++done;
        plain += i == 0 ? disturbed : 1;
        if (!hit || i == drafted) break;
        pace.note_accepted();
      }
    }
    return seconds / plain;
  }
};

TEST(DraftPace, NeverCostsThreePercent) {
  for (const double cost : {0.02, 0.1, 0.3, 0.6, 1.0})
    for (const double chance : {0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0})
      for (const int tokens : {20, 100, 1000, 10000}) {
        DraftPace quiet, disturbed;
        EXPECT_LE(World({cost, chance}).relative_time(quiet, tokens), 1.02)
            << "column " << cost << ", chance " << chance << ", " << tokens << " tokens";
        EXPECT_LE(World({cost, chance, 0.05}).relative_time(disturbed, tokens), 1.04)
            << "column " << cost << ", chance " << chance << ", " << tokens << " tokens, disturbed";
      }
}

TEST(DraftPace, GainsWhatThereIsToGain) {
  DraftPace pace;
  EXPECT_LE(World({.column_cost = 0.1, .chance = 0.95}).relative_time(pace, 1000),
            0.32);  // all of 9 columns: 0.26
  DraftPace dear;
  EXPECT_LE(World({.column_cost = 0.4, .chance = 0.95}).relative_time(dear, 1000), 0.65);
}

TEST(DraftPace, SaysNothingBeforeItKnowsTheSpeed) {
  DraftPace pace;
  EXPECT_EQ(pace.choose(32, 8), 0);
  pace.note_prefill(100);
  EXPECT_EQ(pace.choose(32, 8), 0);
  pace.note_pass(0, 1);
  EXPECT_GT(pace.choose(32, 8), 0);
  EXPECT_LE(pace.choose(32, 2), 2);
  EXPECT_EQ(pace.choose(32, 0), 0);
  EXPECT_EQ(pace.choose(0, 8), 0);
}

TEST(DraftPace, ChangesItsMindWhenTheTextDoes) {
  DraftPace pace;
  EXPECT_LE(World({.column_cost = 0.1, .chance = 0.95}).relative_time(pace, 500), 0.5);
  EXPECT_LE(World({.column_cost = 0.1, .chance = 0.0}).relative_time(pace, 500), 1.05);
  EXPECT_LE(World({.column_cost = 0.1, .chance = 0.95}).relative_time(pace, 500), 0.5);
}

// Columns that were dear once, when the machine was busy, are tried again.
TEST(DraftPace, TimesAreTakenAnew) {
  DraftPace pace;
  EXPECT_LE(World({.column_cost = 2, .chance = 1}).relative_time(pace, 200), 1.03);
  EXPECT_LE(World({.column_cost = 0.05, .chance = 1}).relative_time(pace, 1000), 0.4);
}

}  // namespace
}  // namespace nibble
