#include "measure/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace nibble {
namespace {

using Samples = std::vector<double>;

TEST(Median, OddAndEven) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 2, 9}), 3);
}

// Known p values: counted by hand from the permutations.
TEST(MannWhitney, ExactValues) {
  EXPECT_NEAR(mann_whitney_p(Samples{1, 2, 3}, Samples{4, 5, 6}), 2.0 / 20, 1e-12);
  EXPECT_NEAR(mann_whitney_p(Samples{4, 5, 6}, Samples{1, 2, 3}), 2.0 / 20, 1e-12);
  EXPECT_NEAR(mann_whitney_p(Samples{1, 2, 4}, Samples{3, 5, 6}), 4.0 / 20, 1e-12);
  EXPECT_NEAR(mann_whitney_p(Samples{1, 2, 3, 4, 5}, Samples{6, 7, 8, 9, 10}), 2.0 / 252, 1e-12);
  EXPECT_NEAR(mann_whitney_p(Samples{1, 4}, Samples{2, 3}), 1, 1e-12);
  EXPECT_EQ(mann_whitney_p(Samples{}, Samples{1}), 1);
}

TEST(MannWhitney, Ties) {
  EXPECT_EQ(mann_whitney_p(Samples{1, 1, 1}, Samples{1, 1, 1, 1}), 1);
  // Ranks 1.5, 1.5 | 3, 4: of the 6 ways to choose two, sums 3, 4.5, 4.5, 5.5, 5.5, 7; 3 and 7 lie as far
  // away.
  EXPECT_NEAR(mann_whitney_p(Samples{1, 1}, Samples{2, 3}), 2.0 / 6, 1e-12);
}

TEST(MannWhitney, TheLeastIsWhatSeparatedSamplesGive) {
  for (const auto& [a, b] : {std::pair(1, 1), {3, 3}, {5, 5}, {4, 9}, {12, 12}}) {
    Samples low, high;
    for (int i = 0; i < a; ++i) low.push_back(i);
    for (int i = 0; i < b; ++i) high.push_back(100 + i);
    EXPECT_NEAR(mann_whitney_p(low, high), least_mann_whitney_p(low.size(), high.size()), 1e-12)
        << a << " " << b;
  }
  EXPECT_EQ(least_mann_whitney_p(0, 5), 1);
}

TEST(MannWhitney, TheApproximationMeetsTheExactValue) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (int draw = 0; draw < 20; ++draw) {
    Samples a(kExactSamples / 2), b(kExactSamples / 2);
    for (double& x : a) x = normal(random);
    for (double& x : b) x = normal(random) + 0.1 * draw / 4;
    const double exact = mann_whitney_p(a, b);
    // One sample more, right in the middle, decides for the approximation and hardly changes the rest.
    b.push_back(median(a));
    EXPECT_NEAR(mann_whitney_p(a, b), exact, 0.02 + 0.1 * exact);
  }
}

// Under the null the p values must not be small more often than they say.
TEST(MannWhitney, FalseAlarmsStayBelowTheLevel) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> times(0, 0.05);
  constexpr int kDraws = 4000;
  for (const size_t count : {5, 8, 40}) {
    int alarms = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      Samples a(count), b(count);
      for (double& x : a) x = times(random);
      for (double& x : b) x = times(random);
      alarms += mann_whitney_p(a, b) <= 0.05;
    }
    EXPECT_LT(alarms, kDraws * 0.065) << count;
    EXPECT_GT(alarms, kDraws * 0.02) << count;
  }
}

TEST(MannWhitney, FindsAShiftOfTenPercent) {
  std::mt19937_64 random(2);
  std::lognormal_distribution<double> times(0, 0.03);
  constexpr int kDraws = 500;
  int found = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    Samples a(8), b(8);
    for (double& x : a) x = times(random);
    for (double& x : b) x = times(random) * 1.1;
    found += mann_whitney_p(a, b) <= 0.01;
  }
  EXPECT_GT(found, kDraws * 0.95);
}

TEST(Holm, MultipliesTheSmallestMost) {
  const std::vector<double> adjusted = holm_adjusted(Samples{0.04, 0.01, 0.03, 0.9});
  EXPECT_NEAR(adjusted[1], 0.04, 1e-12);
  EXPECT_NEAR(adjusted[2], 0.09, 1e-12);
  EXPECT_NEAR(adjusted[0], 0.09, 1e-12);  // never below a smaller one's
  EXPECT_NEAR(adjusted[3], 0.9, 1e-12);
}

TEST(RatioInterval, HoldsTheRatioAsOftenAsItSays) {
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal(1, 0.05);
  int held = 0;
  constexpr int kDraws = 200;
  for (int draw = 0; draw < kDraws; ++draw) {
    Samples a(15), b(15);
    for (double& x : a) x = normal(random);
    for (double& x : b) x = 1.2 * normal(random);
    const Interval interval = ratio_interval(a, b);
    EXPECT_LT(interval.low, interval.high);
    held += interval.low <= 1.2 && 1.2 <= interval.high;
  }
  EXPECT_GT(held, kDraws * 0.88);
  const Interval constant = ratio_interval(Samples{2, 2}, Samples{3, 3});
  EXPECT_EQ(constant.low, 1.5);
  EXPECT_EQ(constant.high, 1.5);
}

}  // namespace
}  // namespace nibble
