#include "transform/encode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/half.h"
#include "formats/quant_reference.h"
#include "kernels/encode.h"
#include "transform/random_weights.h"

namespace nibble {
namespace {

using F = FormatId;

std::vector<float> gaussian(size_t count, float deviation = 0.02f, uint64_t seed = 1) {
  std::vector<float> values(count);
  fill_normal(random_stream(seed, "test"), 0, 0, deviation, values);
  return values;
}

std::vector<F> block_formats() {
  std::vector<F> formats;
  for (const Format& format : kFormats)
    if (format.stores_weights && format.block_values > 1 && format.tensor_trailer_bytes == 0)
      formats.push_back(format.id);
  return formats;
}

std::vector<std::byte> encoded(F format, std::span<const float> values,
                               std::span<const float> importance = {}) {
  std::vector<std::byte> bytes(*format_bytes(format_of(format), values.size()));
  const Status status = encode_values(format, values, bytes, importance);
  EXPECT_TRUE(status) << status.error().message;
  return bytes;
}

std::vector<float> decoded(F format, std::span<const std::byte> bytes, size_t count) {
  std::vector<float> values(count);
  EXPECT_TRUE(decode_reference(format, bytes, values));
  return values;
}

double error_of(F format, std::span<const float> values, std::span<const std::byte> bytes,
                std::span<const float> importance = {}) {
  const std::vector<float> back = decoded(format, bytes, values.size());
  double error = 0, size = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double w = importance.empty() ? 1 : importance[i], d = double(values[i]) - back[i];
    error += w * d * d, size += w * double(values[i]) * values[i];
  }
  return error / size;
}

// Relative squared errors on nearly Gaussian weights that no encoder of these formats has reason to exceed.
TEST(Encode, ErrorIsSmall) {
  const std::pair<F, double> limits[] = {
      {F::kQ8_0, 2.5e-5},  {F::kQ6_K, 2.8e-4}, {F::kQ5_K, 1.2e-3}, {F::kQ5_1, 1.15e-3},  {F::kQ5_0, 1.6e-3},
      {F::kQ4_K, 4.95e-3}, {F::kQ4_1, 5e-3},   {F::kQ4_0, 6.7e-3}, {F::kIQ4_NL, 5.5e-3}, {F::kIQ4_XS, 5.6e-3},
      {F::kMXFP4, 1.3e-2}, {F::kQ3_K, 2.1e-2}, {F::kQ2_K, 6.9e-2}, {F::kTQ2_0, 0.2},     {F::kTQ1_0, 0.2}};
  const std::vector<float> values = gaussian(65536);
  for (const auto& [format, limit] : limits)
    EXPECT_LT(error_of(format, values, encoded(format, values)), limit) << format_of(format).name;
}

TEST(Encode, BeatsTheReferenceEncoder) {
  const std::vector<float> values = gaussian(65536);
  std::vector<float> importance(values.size());
  for (size_t i = 0; i < importance.size(); ++i)
    importance[i] = float(1 + random_bits(5, i % 512) % 1000) / 100;
  for (const F format : block_formats())
    for (const bool weighted : {false, true}) {
      const std::span<const float> weights =
          weighted ? std::span<const float>(importance) : std::span<const float>();
      std::vector<std::byte> reference(*format_bytes(format_of(format), values.size()));
      ASSERT_TRUE(encode_reference(format, values, reference, weights));
      EXPECT_LE(error_of(format, values, encoded(format, values, weights), weights),
                error_of(format, values, reference, weights) * 1.0001)
          << format_of(format).name << (weighted ? " weighted" : "");
    }
}

// The optimum by trying every half float as scale, each value then rounded to its nearest code.
double exhaustive_error_q4_0(const float* x) {
  double best = 1e30;
  float top = 0;
  for (int j = 0; j < 32; ++j) top = std::max(top, std::abs(x[j]));
  for (uint32_t bits = 0; bits < 0xFC00; ++bits) {
    const float d = half_to_float(uint16_t(bits));
    if (std::isnan(d) || std::isinf(d) || std::abs(d) < top / 16 || std::abs(d) > top / 4) continue;
    double error = 0;
    for (int j = 0; j < 32; ++j) {
      const float q = std::min(7.0f, std::max(-8.0f, std::nearbyint(x[j] / d)));
      error += (double(x[j]) - double(d) * q) * (double(x[j]) - double(d) * q);
    }
    best = std::min(best, error);
  }
  return best;
}

TEST(Encode, Q4_0IsWithinOnePercentOfTheOptimum) {
  const std::vector<float> values = gaussian(32 * 64);
  const std::vector<float> back = decoded(F::kQ4_0, encoded(F::kQ4_0, values), values.size());
  double ours = 0, optimum = 0;
  for (size_t i = 0; i < values.size(); i += 32) {
    optimum += exhaustive_error_q4_0(&values[i]);
    for (size_t j = i; j < i + 32; ++j) ours += (double(values[j]) - back[j]) * (double(values[j]) - back[j]);
  }
  EXPECT_GE(ours, optimum * 0.9999);
  EXPECT_LT(ours, optimum * 1.01);
}

TEST(Encode, EveryIsaWritesTheSameBytes) {
  std::vector<float> values = gaussian(256 * 7);
  values[3] = 1e30f, values[300] = -1e-30f, values[301] = 1e-42f, values[700] = 70000;
  std::vector<float> importance(values.size());
  for (size_t i = 0; i < importance.size(); ++i) importance[i] = i % 5 == 0 ? 0.0f : float(i % 17);
  for (const F format : block_formats()) {
    const Format& row = format_of(format);
    for (const float* weights :
         {static_cast<const float*>(nullptr), static_cast<const float*>(importance.data())}) {
      std::vector<uint8_t> first;
      for (const KernelTable* table : available_kernels()) {
        std::vector<uint8_t> bytes(values.size() / row.block_values * row.block_bytes);
        const auto blocks = int64_t(values.size() / row.block_values);
        if (!encoder_of(*table)(format, values.data(), weights, blocks, bytes.data())) continue;
        if (first.empty()) first = bytes;
        EXPECT_EQ(bytes, first) << row.name << " on " << table->name << (weights ? " weighted" : "");
      }
    }
  }
}

TEST(Encode, BytesDoNotDependOnThreadsOrNeighbours) {
  const std::vector<float> values = gaussian(256 * 40);
  ThreadPool one(1), three(3);
  for (const F format : block_formats()) {
    std::vector<std::byte> a(*format_bytes(format_of(format), values.size())), b(a.size());
    ASSERT_TRUE(encode_rows(one, format, 512, values, a));
    ASSERT_TRUE(encode_rows(three, format, 512, values, b));
    EXPECT_EQ(a, b) << format_of(format).name;
    const std::vector<std::byte> row = encoded(format, std::span(values).subspan(512 * 3, 512));
    EXPECT_EQ(0, std::memcmp(row.data(), a.data() + 3 * row.size(), row.size())) << format_of(format).name;
  }
}

TEST(Encode, ImportanceLowersTheWeightedError) {
  const std::vector<float> values = gaussian(256 * 64);
  std::vector<float> importance(values.size());
  for (size_t i = 0; i < importance.size(); ++i) importance[i] = i % 16 == 3 ? 100.0f : 1.0f;
  for (const F format : block_formats())
    EXPECT_LT(error_of(format, values, encoded(format, values, importance), importance),
              error_of(format, values, encoded(format, values), importance))
        << format_of(format).name;
}

TEST(Encode, DegenerateBlocksAreExactOrNear) {
  for (const F format : block_formats()) {
    const std::vector<float> zeros(512, 0.0f);
    for (const float x : decoded(format, encoded(format, zeros), 512))
      EXPECT_EQ(x, 0.0f) << format_of(format).name;
    for (const float constant : {0.5f, -0.5f}) {
      const std::vector<float> same(512, constant);
      // Formats whose offset cannot be positive still have their largest code.
      for (const float x : decoded(format, encoded(format, same), 512))
        EXPECT_NEAR(x, constant, 0.01) << format_of(format).name << " " << constant;
    }
    std::vector<float> extreme(512, 0.0f);
    extreme[0] = 3e38f, extreme[1] = -3e38f, extreme[300] = 1e-45f;
    for (const float x : decoded(format, encoded(format, extreme), 512))
      EXPECT_TRUE(std::isfinite(x)) << format_of(format).name;
    const std::vector<float> unmeasured(512, 0.0f);
    const std::vector<float> values = gaussian(512);
    EXPECT_LT(error_of(format, values, encoded(format, values, unmeasured)), 0.25) << format_of(format).name;
  }
}

TEST(Encode, TernaryValuesComeBackExactly) {
  std::vector<float> values(1024);
  fill_ternary(7, 0, 0.0625f, values);
  for (const F format : {F::kTQ1_0, F::kTQ2_0, F::kI2_S})
    EXPECT_EQ(decoded(format, encoded(format, values), values.size()), values) << format_of(format).name;
}

TEST(Encode, RefusesWhatItCannotEncode) {
  std::vector<float> values = gaussian(256);
  std::vector<std::byte> bytes(144);
  values[77] = std::numeric_limits<float>::quiet_NaN();
  const Status bad = encode_values(F::kQ4_K, values, bytes);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("77"), std::string::npos);
  values[77] = 0;
  EXPECT_FALSE(encode_values(F::kQ4_K, values, std::span(bytes).first(143)));
  EXPECT_FALSE(encode_values(F::kQ4_K, std::span(values).first(255), bytes));
  EXPECT_FALSE(encode_values(F::kQ4_K, values, bytes, std::span(values).first(10)));
  ThreadPool pool(2);
  EXPECT_FALSE(encode_rows(pool, F::kQ4_K, 128, values, bytes));
  EXPECT_TRUE(encode_rows(pool, F::kQ4_K, 256, values, bytes));
}

}  // namespace
}  // namespace nibble
