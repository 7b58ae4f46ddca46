#include "base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#ifdef __F16C__
#include <immintrin.h>
#endif

namespace nibble {
namespace {

TEST(Half, EveryBitPatternRoundTrips) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = half_to_float(uint16_t(bits));
    if (std::isnan(value)) {
      EXPECT_EQ(float_to_half(value), uint16_t(bits | 0x200u));
    } else {
      EXPECT_EQ(float_to_half(value), uint16_t(bits));
    }
  }
}

// Midpoints between neighbouring halves go to the even one, points beside a midpoint to the nearer one.
TEST(Half, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    const float low = half_to_float(uint16_t(bits)), high = half_to_float(uint16_t(bits + 1));
    const float middle = (low + high) / 2;
    EXPECT_EQ(float_to_half(middle), bits % 2 == 0 ? bits : bits + 1);
    EXPECT_EQ(float_to_half(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(float_to_half(std::nextafter(middle, 1e9f)), bits + 1);
    EXPECT_EQ(float_to_half(-middle), 0x8000 | (bits % 2 == 0 ? bits : bits + 1));
  }
}

TEST(Half, OverflowIsInfinity) {
  EXPECT_EQ(float_to_half(65519.996f), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0f), 0x7C00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::infinity()), 0x7C00);
  EXPECT_EQ(float_to_half(-1e30f), 0xFC00);
}

TEST(Bfloat16, RoundTripsAndRounds) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = bfloat16_to_float(uint16_t(bits));
    if (!std::isnan(value)) EXPECT_EQ(float_to_bfloat16(value), bits);
  }
  EXPECT_EQ(float_to_bfloat16(1.00390625f), 0x3F80);                            // tie to even
  EXPECT_EQ(float_to_bfloat16(std::nextafter(1.00390625f, 2.0f)), 0x3F81);      // above the tie
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::nanf("")))));
}

}  // namespace
}  // namespace nibble
