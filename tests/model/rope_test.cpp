#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nibble {
namespace {

constexpr RopeScaling kUnscaled{.kind = RopeScaling::Kind::kNone};

// What the tables must hold: cos(position * base^(-2i/dim)), by the C library's widest type.
long double angle(double base, int dim, int i, int64_t position) {
  return (long double)position * powl((long double)base, -2.0L * i / dim);
}

TEST(Rope, MatchesLongDoubleUpToAMillionPositions) {
  for (const double base : {10000.0, 500000.0, 5000000.0})
    for (const int dim : {8, 64, 96, 256}) {
      const Rope rope(base, dim, kUnscaled, {});
      std::vector<float> cos(dim / 2), sin(dim / 2);
      for (const int64_t position : {0, 1, 2, 63, 64, 4095, 131071, 1000000}) {
        rope.fill(position, cos.data(), sin.data());
        for (int i = 0; i < dim / 2; ++i) {
          const long double want = angle(base, dim, i, position);
          // A double frequency is off by about 2^-52 of itself; the rest is rounding to float.
          const double tolerance = 6e-8 + double(position) * 4e-16;
          EXPECT_NEAR(cos[i], double(cosl(want)), tolerance)
              << base << " " << dim << " " << i << " at " << position;
          EXPECT_NEAR(sin[i], double(sinl(want)), tolerance)
              << base << " " << dim << " " << i << " at " << position;
        }
      }
    }
}

TEST(Rope, PositionZeroTurnsNothing) {
  const Rope rope(10000, 16, kUnscaled, {});
  float cos[8], sin[8];
  rope.fill(0, cos, sin);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(cos[i], 1) << i;
    EXPECT_EQ(sin[i], 0) << i;
  }
}

TEST(Rope, DividesFrequenciesByFactorsAndPositionsByTheLinearFactor) {
  const std::vector<float> factors = {1, 2, 4, 8};
  const RopeScaling linear{.kind = RopeScaling::Kind::kLinear, .factor = 4};
  float cos[4], sin[4];
  Rope(10000, 8, kUnscaled, factors).fill(100, cos, sin);
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(cos[i], double(cosl(angle(10000, 8, i, 100) / factors[i])), 1e-7) << i;
  Rope(10000, 8, linear, {}).fill(100, cos, sin);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(sin[i], double(sinl(angle(10000, 8, i, 100) / 4)), 1e-7) << i;
}

// YaRN for base 10000, 128 dimensions, original context 4096 and beta 32 and 1: the ramp runs from dimension
// 20 to 46 (floor and ceil of 128 ln(4096 / (2 pi beta)) / (2 ln 10000): 20.9 and 45.0).
TEST(Rope, YarnKeepsFastDimensionsAndInterpolatesSlowOnes) {
  const RopeScaling yarn{.kind = RopeScaling::Kind::kYarn, .factor = 16, .original_context = 4096};
  const double magnitude = 0.1 * std::log(16.0) + 1;
  float cos[64], sin[64];
  Rope(10000, 128, yarn, {}).fill(50, cos, sin);
  for (int i = 0; i < 64; ++i) {
    const double keep = 1 - std::clamp((i - 20) / 26.0, 0.0, 1.0);
    const double want = double(angle(10000, 128, i, 50)) * (keep + (1 - keep) / 16);
    EXPECT_NEAR(cos[i], magnitude * std::cos(want), 3e-7) << i;
    EXPECT_NEAR(sin[i], magnitude * std::sin(want), 3e-7) << i;
  }
}

TEST(Rope, AttnFactorMultipliesBoth) {
  const RopeScaling scaling{.kind = RopeScaling::Kind::kLong, .attn_factor = 1.19};
  float cos[8], sin[8], plain_cos[8], plain_sin[8];
  Rope(10000, 16, scaling, {}).fill(77, cos, sin);
  Rope(10000, 16, kUnscaled, {}).fill(77, plain_cos, plain_sin);
  for (int i = 0; i < 8; ++i) {
    EXPECT_NEAR(cos[i], 1.19 * plain_cos[i], 2e-7) << i;
    EXPECT_NEAR(sin[i], 1.19 * plain_sin[i], 2e-7) << i;
  }
}

TEST(DeterministicMath, LogAndExpAreWithinAFewUlp) {
  for (double x = 1e-6; x < 1e13; x *= 1.37) {
    EXPECT_NEAR(detail::deterministic_log(x), double(logl(x)), 4e-16 * std::max(1.0, std::fabs(std::log(x))))
        << x;
    const double exponent = -30 + std::fmod(x * 1e6, 60);
    EXPECT_NEAR(detail::deterministic_exp(exponent) / double(expl(exponent)), 1, 1e-15) << exponent;
  }
}

TEST(DeterministicMath, SinAndCosOfTurnsAreWithinAFewUlp) {
  for (int i = 0; i < 4096; ++i) {
    const uint64_t phase = uint64_t(i) * 0x0010'0001'2345'6789u;
    const long double turn = (long double)phase * 0x1p-64L * 2 * acosl(-1.0L);
    const detail::SinCos found = detail::sin_cos_turns(phase);
    EXPECT_NEAR(found.sin, double(sinl(turn)), 3e-16) << i;
    EXPECT_NEAR(found.cos, double(cosl(turn)), 3e-16) << i;
  }
}

}  // namespace
}  // namespace nibble
