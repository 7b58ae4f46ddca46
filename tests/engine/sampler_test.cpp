#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "engine/portable_math.h"

namespace nibble {
namespace {

// Everything off: the plain distribution at temperature 1.
SamplingOptions plain(uint64_t seed = 1) {
  SamplingOptions options;
  options.penalty_window = 0;
  options.top_k = 0;
  options.top_p = 1;
  options.min_p = 0;
  options.temperature = 1;
  options.seed = seed;
  return options;
}

Sampler make(const SamplingOptions& options, int64_t vocabulary = 1000) {
  auto sampler = Sampler::create(options, vocabulary);
  EXPECT_TRUE(sampler) << sampler.error().message;
  return *std::move(sampler);
}

TokenId draw(Sampler& sampler, std::vector<float> logits) {
  auto token = sampler.sample(logits);
  EXPECT_TRUE(token) << token.error().message;
  return token.value_or(-1);
}

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (double p : probabilities) logits.push_back(float(std::log(p)));
  return logits;
}

std::map<TokenId, int> count_draws(const SamplingOptions& options, const std::vector<float>& logits,
                                   int draws) {
  Sampler sampler = make(options, int64_t(logits.size()));
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[draw(sampler, logits)];
  return counts;
}

std::set<TokenId> drawn(const SamplingOptions& options, const std::vector<float>& logits) {
  std::set<TokenId> ids;
  for (const auto& [id, count] : count_draws(options, logits, 3000)) ids.insert(id);
  return ids;
}

TEST(PortableMath, AgreesWithTheLibrary) {
  for (double x = 0; x > -690; x -= 0.0377) EXPECT_NEAR(portable_exp(x) / std::exp(x), 1, 4e-16) << x;
  EXPECT_EQ(portable_exp(0), 1);
  EXPECT_EQ(portable_exp(-1e9), 0);
  EXPECT_EQ(portable_exp(-std::numeric_limits<double>::infinity()), 0);
  for (double x = 1e-9; x < 1e9; x *= 1.0137)
    EXPECT_NEAR(portable_log(x), std::log(x), 4e-16 * (1 + std::abs(std::log(x)))) << x;
}

TEST(Sampler, TemperatureZeroTakesTheMaximumAndTheLowestIdOfEquals) {
  SamplingOptions options;
  options.temperature = 0;
  Sampler sampler = make(options);
  EXPECT_EQ(draw(sampler, {1, 3, 2}), 1);
  EXPECT_EQ(draw(sampler, {1, 3, 3, 3}), 1);
  EXPECT_EQ(draw(sampler, {-5, -1, -3}), 1);
  EXPECT_EQ(draw(sampler, {-1, -0.0f, 0.0f}), 1);
  EXPECT_EQ(draw(sampler, {7}), 0);
}

TEST(Sampler, DrawsFollowTheDistribution) {
  const std::vector<double> p = {0.5, 0.25, 0.125, 0.0625, 0.0625};
  constexpr int kDraws = 40000;
  auto counts = count_draws(plain(42), logits_of(p), kDraws);
  double chi2 = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double expected = p[i] * kDraws;
    chi2 += (counts[TokenId(i)] - expected) * (counts[TokenId(i)] - expected) / expected;
  }
  EXPECT_LT(chi2, 18.5);  // 4 degrees of freedom, 0.1 %; the seed is fixed
}

TEST(Sampler, TemperatureSharpensAndFlattens) {
  const auto logits = logits_of({0.6, 0.4});
  SamplingOptions options = plain(3);
  options.temperature = 0.5f;  // squares the odds: 0.36 : 0.16
  EXPECT_NEAR(count_draws(options, logits, 40000)[0] / 40000.0, 0.6923, 0.01);
  options.temperature = 2;
  EXPECT_NEAR(count_draws(options, logits, 40000)[0] / 40000.0, 0.5505, 0.01);
}

TEST(Sampler, Filters) {
  const auto logits = logits_of({0.02, 0.4, 0.03, 0.3, 0.15, 0.1});
  SamplingOptions top_k = plain();
  top_k.top_k = 2;
  EXPECT_EQ(drawn(top_k, logits), (std::set<TokenId>{1, 3}));
  SamplingOptions top_p = plain();
  top_p.top_p = 0.8f;
  EXPECT_EQ(drawn(top_p, logits), (std::set<TokenId>{1, 3, 4}));
  SamplingOptions min_p = plain();
  min_p.min_p = 0.2f;
  EXPECT_EQ(drawn(min_p, logits), (std::set<TokenId>{1, 3, 4, 5}));
  // Entropy 1.449: surprises 0.916, 1.204, 1.897, 2.303 lie 0.53, 0.245, 0.448, 0.854 away.
  SamplingOptions typical = plain();
  typical.typical_p = 0.4f;
  EXPECT_EQ(drawn(typical, logits), (std::set<TokenId>{3, 4}));
}

TEST(Sampler, AFilterThatAsksForNothingLeavesTheBest) {
  const auto logits = logits_of({0.2, 0.5, 0.3});
  for (auto member : {&SamplingOptions::top_p, &SamplingOptions::typical_p}) {
    SamplingOptions options = plain();
    options.*member = 0;
    EXPECT_EQ(drawn(options, logits).size(), 1u);
  }
  SamplingOptions min_p = plain();
  min_p.min_p = 1;
  EXPECT_EQ(drawn(min_p, logits), (std::set<TokenId>{1}));
}

// top-p counts probability among what top-k left: 0.5 / 0.8 passes 0.6 at once, 0.5 alone would not.
TEST(Sampler, TopKActsBeforeTopP) {
  SamplingOptions options = plain();
  options.top_k = 2;
  options.top_p = 0.6f;
  EXPECT_EQ(drawn(options, logits_of({0.5, 0.3, 0.1, 0.1})), (std::set<TokenId>{0}));
}

// Filters see the distribution before temperature.
TEST(Sampler, TemperatureActsLast) {
  SamplingOptions options = plain();
  options.min_p = 0.5f;
  options.temperature = 50;
  EXPECT_EQ(drawn(options, logits_of({0.5, 0.3, 0.2})), (std::set<TokenId>{0, 1}));
}

TEST(Sampler, PenaltiesActOnTheWindowOnly) {
  SamplingOptions options;
  options.temperature = 0;
  options.penalty_window = 2;
  options.repetition_penalty = 2;
  Sampler repetition = make(options);
  const std::vector<float> logits = {4, 3, 1, -1};
  EXPECT_EQ(draw(repetition, logits), 0);
  repetition.accept(0);
  EXPECT_EQ(draw(repetition, logits), 1);  // 4 / 2 < 3
  repetition.accept(1);
  repetition.accept(1);  // 0 has left the window
  EXPECT_EQ(draw(repetition, logits), 0);
  Sampler negative = make(options);
  negative.accept(0);
  EXPECT_EQ(draw(negative, {-1, -1.5f}), 1);  // multiplied, not divided

  options.repetition_penalty = 1;
  options.frequency_penalty = 0.4f;
  options.penalty_window = -1;
  Sampler frequency = make(options);
  frequency.accept(0);
  frequency.accept(0);
  EXPECT_EQ(draw(frequency, logits), 0);  // 4 - 0.8
  frequency.accept(0);
  EXPECT_EQ(draw(frequency, logits), 1);  // 4 - 1.2

  options.frequency_penalty = 0;
  options.presence_penalty = 1.5f;
  Sampler presence = make(options);
  presence.accept(0);
  EXPECT_EQ(draw(presence, logits), 1);
  presence.accept(1);
  presence.accept(1);
  EXPECT_EQ(draw(presence, logits), 0);  // 2.5 against 1.5, whatever the count

  options.penalty_window = 0;
  Sampler off = make(options);
  off.accept(0);
  EXPECT_EQ(draw(off, logits), 0);
}

TEST(Sampler, BiasActsFirst) {
  SamplingOptions options;
  options.temperature = 0;
  options.logit_bias = {{2, 100}, {0, -100}};
  Sampler sampler = make(options, 3);
  EXPECT_EQ(draw(sampler, {5, 4, 3}), 2);
}

TEST(Sampler, TopKOfManyIsTheSameSetAsASort) {
  std::vector<float> logits(5000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float(sampling_random(5, i) % 200) / 20;  // many equals
  SamplingOptions options = plain();
  options.top_k = 40;
  options.temperature = 30;
  std::vector<std::pair<float, TokenId>> sorted;
  for (size_t i = 0; i < logits.size(); ++i) sorted.push_back({-logits[i], TokenId(i)});
  std::sort(sorted.begin(), sorted.end());
  std::set<TokenId> expected;
  for (int i = 0; i < 40; ++i) expected.insert(sorted[size_t(i)].second);
  EXPECT_EQ(drawn(options, logits), expected);
}

TEST(Sampler, LazySortingChangesNothing) {
  std::vector<float> logits(3000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = float(sampling_random(9, i) % 1000) / 500;
  SamplingOptions lazy = plain(11), sorted = plain(11);
  lazy.top_p = sorted.top_p = 0.7f;
  sorted.top_k = 2999;  // sorts them all first; leaves out one of the least likely
  Sampler a = make(lazy, 3000), b = make(sorted, 3000);
  int equal = 0;
  for (int i = 0; i < 200; ++i) equal += draw(a, logits) == draw(b, logits);
  EXPECT_GE(equal, 198);  // the one token shifts the boundaries of the draw a little
}

// These very tokens, on every machine: they depend on the order of filters, the polynomials and the random
// numbers.
TEST(Sampler, TheSameSeedGivesTheSameTokensEverywhere) {
  std::vector<float> logits(500);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = float(sampling_random(77, i) % 4096) / 512;
  SamplingOptions options;
  options.seed = 1234;
  options.typical_p = 0.9f;
  options.repetition_penalty = 1.1f;
  Sampler sampler = make(options);
  std::vector<TokenId> tokens;
  for (int i = 0; i < 12; ++i) {
    tokens.push_back(draw(sampler, logits));
    sampler.accept(tokens.back());
  }
  EXPECT_EQ(tokens, (std::vector<TokenId>{237, 414, 259, 148, 431, 104, 265, 393, 426, 127, 244, 368}));
}

TEST(Sampler, SeedsDifferAndAreTold) {
  const std::vector<float> logits(100, 0.0f);
  Sampler a = make(plain(1)), b = make(plain(2)), again = make(plain(1));
  std::vector<TokenId> as, bs, agains;
  for (int i = 0; i < 20; ++i) {
    as.push_back(draw(a, logits));
    bs.push_back(draw(b, logits));
    agains.push_back(draw(again, logits));
  }
  EXPECT_NE(as, bs);
  EXPECT_EQ(as, agains);
  SamplingOptions unseeded;
  Sampler first = make(unseeded);
  EXPECT_NE(first.seed(), make(unseeded).seed());
}

TEST(Sampler, LogitsThatAreNotFiniteAreAnError) {
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()}) {
    for (float temperature : {0.0f, 1.0f}) {
      SamplingOptions options;
      options.temperature = temperature;
      Sampler sampler = make(options);
      std::vector<float> logits = {1, bad, 2};
      EXPECT_FALSE(sampler.sample(logits));
    }
  }
  std::vector<float> none;
  Sampler sampler = make({});
  EXPECT_FALSE(sampler.sample(none));
}

TEST(Sampler, OptionsOutOfRangeAreNamed) {
  const auto refused = [](auto change, const std::string& name) {
    SamplingOptions options;
    change(options);
    auto sampler = Sampler::create(options, 10);
    ASSERT_FALSE(sampler) << name;
    EXPECT_EQ(sampler.error().kind, ErrorKind::kInvalidArgument);
    EXPECT_NE(sampler.error().message.find(name), std::string::npos) << sampler.error().message;
  };
  refused([](SamplingOptions& o) { o.temperature = -1; }, "temperature");
  refused([](SamplingOptions& o) { o.temperature = std::nanf(""); }, "temperature");
  refused([](SamplingOptions& o) { o.top_p = 1.5f; }, "top_p");
  refused([](SamplingOptions& o) { o.top_k = -1; }, "top_k");
  refused([](SamplingOptions& o) { o.min_p = -0.1f; }, "min_p");
  refused([](SamplingOptions& o) { o.typical_p = 2; }, "typical_p");
  refused([](SamplingOptions& o) { o.penalty_window = -2; }, "penalty_window");
  refused([](SamplingOptions& o) { o.repetition_penalty = 0; }, "repetition_penalty");
  refused([](SamplingOptions& o) { o.logit_bias = {{10, 1}}; }, "logit_bias");
  refused(
      [](SamplingOptions& o) {
        o.logit_bias = {{1, std::numeric_limits<float>::infinity()}};
      },
      "logit_bias");
}

TEST(Sampler, ExtremeLogitsDoNotBreakIt) {
  for (float temperature : {1e-30f, 100.0f}) {
    SamplingOptions options;
    options.temperature = temperature;
    options.repetition_penalty = 100;
    Sampler sampler = make(options);
    for (TokenId id : {0, 1, 2}) sampler.accept(id);
    const TokenId id = draw(sampler, {3e38f, -3e38f, 1e-40f, 0});
    EXPECT_GE(id, 0);
    EXPECT_LT(id, 4);
  }
}

}  // namespace
}  // namespace nibble
