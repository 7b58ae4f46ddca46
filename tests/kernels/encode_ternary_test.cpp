// The kernels that write ternary formats against the scalar reference, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "formats/quant_reference.h"
#include "formats/tensor_view.h"
#include "kernels/encode.h"

namespace nibble {
namespace {

void expect_reference_bytes(FormatId id, const std::vector<float>& values, const std::string& what) {
  const Format& format = format_of(id);
  std::vector<std::byte> wanted(*format_bytes(format, values.size()));
  ASSERT_TRUE(encode_reference(id, values, wanted));
  for (const KernelTable* table : available_kernels()) {
    std::vector<std::byte> got(wanted.size() + 1, std::byte{0x77});
    const auto blocks = int64_t(values.size() / format.block_values);
    ASSERT_TRUE(
        encoder_of(*table)(id, values.data(), nullptr, blocks, reinterpret_cast<uint8_t*>(got.data())));
    EXPECT_EQ(got.back(), std::byte{0x77}) << what << " on " << table->name;
    got.pop_back();
    const size_t at = size_t(std::ranges::mismatch(got, wanted).in1 - got.begin());
    ASSERT_EQ(at, wanted.size()) << format.name << ", " << what << " on " << table->name << ": byte " << at;
  }
}

class EncodeTernary : public testing::TestWithParam<FormatId> {};

TEST_P(EncodeTernary, GaussianValuesOfAnySize) {
  std::mt19937 random(3);
  for (const size_t blocks : {1, 2, 3, 7, 64, 1000}) {
    std::vector<float> values(blocks * format_of(GetParam()).block_values);
    for (float& x : values) x = std::normal_distribution<float>(0, 0.02f)(random);
    expect_reference_bytes(GetParam(), values, "Gaussian");
  }
}

TEST_P(EncodeTernary, MagnitudesAtTheThreshold) {
  std::mt19937 random(4);
  // Half 3, half 1: the threshold, half of their mean, is 1. And its neighbours as floats.
  for (const float one : {1.0f, std::nextafter(1.0f, 0.0f), std::nextafter(1.0f, 2.0f)}) {
    std::vector<float> values(1024);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = (i % 2 ? 3.0f : one) * (random() % 2 ? 1.0f : -1.0f);
    expect_reference_bytes(GetParam(), values, "threshold");
  }
}

TEST_P(EncodeTernary, TernaryZeroTinyAndHugeValues) {
  std::mt19937 random(5);
  constexpr float kMost = std::numeric_limits<float>::max(),
                  kLeast = std::numeric_limits<float>::denorm_min();
  const std::vector<std::vector<float>> patterns = {
      {0.0f},      {-0.0f},         {0.1f, 0, -0.1f}, {kMost, -kMost}, {kLeast, -kLeast, 0},
      {1e-38f, 1}, {kMost, kLeast}, {1, -1, 1e30f},   {-3.5f},         {65504, 70000}};
  for (const auto& pattern : patterns) {
    std::vector<float> values(768);
    for (float& x : values) x = pattern[random() % pattern.size()];
    expect_reference_bytes(GetParam(), values, "pattern of " + std::to_string(pattern[0]));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EncodeTernary, testing::Values(FormatId::kI2_S, FormatId::kTQ2_0, FormatId::kTQ1_0),
                         [](const auto& format) { return std::string(format_of(format.param).name); });

TEST(EncodeKernels, KnowNoWeightsForTernaryFormats) {
  const std::vector<float> values(256, 1.0f);
  std::vector<uint8_t> out(128);
  for (const KernelTable* table : available_kernels())
    for (const FormatId id : {FormatId::kI2_S, FormatId::kTQ2_0, FormatId::kTQ1_0})
      EXPECT_FALSE(encoder_of(*table)(id, values.data(), values.data(), 1, out.data()));
}

}  // namespace
}  // namespace nibble
