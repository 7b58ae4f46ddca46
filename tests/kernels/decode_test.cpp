// Decoding kernels against the scalar reference: every format and ISA, any bytes, any number of blocks, any alignment a file can have.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "base/half.h"
#include "formats/quant_reference.h"
#include "formats/tensor_view.h"
#include "kernels/kernels.h"

namespace nibble {
namespace {

uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}

std::vector<float> reference(const Format& format, std::span<const uint8_t> blocks, float tensor_scale) {
  std::vector<uint8_t> bytes(blocks.begin(), blocks.end());
  if (format.tensor_trailer_bytes > 0) {
    bytes.resize(bytes.size() + format.tensor_trailer_bytes);
    std::memcpy(bytes.data() + blocks.size(), &tensor_scale, 4);
  }
  std::vector<float> out(blocks.size() / format.block_bytes * format.block_values);
  EXPECT_TRUE(decode_reference(format.id, std::as_bytes(std::span(bytes)), out)) << format.name;
  return out;
}

// Decodes `blocks` at every offset given, to every type, and compares.
void expect_equal(const KernelTable& table, const Format& format, std::span<const uint8_t> blocks, float tensor_scale = 1) {
  const std::vector<float> wanted = reference(format, blocks, tensor_scale);
  const auto index = size_t(format_index(format.id));
  const auto count = int64_t(blocks.size() / format.block_bytes);
  std::vector<float> f32(wanted.size() + 1, 77.0f);
  table.decode->f32[index](blocks.data(), count, tensor_scale, f32.data());
  std::vector<uint16_t> f16(wanted.size() + 2, 77), bf16(wanted.size() + 2, 77);  // one value off the vector's alignment
  table.decode->f16[index](blocks.data(), count, tensor_scale, f16.data() + 1);
  table.decode->bf16[index](blocks.data(), count, tensor_scale, bf16.data() + 1);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const float x = wanted[i];
    if (std::isnan(x)) {
      ASSERT_TRUE(std::isnan(f32[i]) && std::isnan(half_to_float(f16[i + 1])) && std::isnan(bfloat16_to_float(bf16[i + 1])))
          << format.name << " on " << table.name << ", value " << i;
      continue;
    }
    ASSERT_EQ(bits_of(f32[i]), bits_of(x)) << format.name << " on " << table.name << ", value " << i << ": " << f32[i] << " for " << x;
    ASSERT_EQ(f16[i + 1], float_to_half(x)) << format.name << " on " << table.name << ", value " << i;
    ASSERT_EQ(bf16[i + 1], float_to_bfloat16(x)) << format.name << " on " << table.name << ", value " << i;
  }
  // Nothing beyond the end, nothing before the beginning.
  EXPECT_EQ(f32.back(), 77.0f);
  EXPECT_EQ(f16.back() + f16.front() + bf16.back() + bf16.front(), 4 * 77);
}

class Decode : public testing::TestWithParam<Format> {};

TEST_P(Decode, RandomBytesOfAnyNumberOfBlocks) {
  const Format& format = GetParam();
  std::mt19937 random(7);
  for (const KernelTable* table : available_kernels())
    for (const int64_t blocks : {0, 1, 2, 3, 5, 15, 16, 17, 31, 33, 64, 257})
      for (const size_t offset : {0, 4}) {
        std::vector<uint8_t> bytes(size_t(blocks) * format.block_bytes + offset);
        for (uint8_t& b : bytes) b = uint8_t(random());
        expect_equal(*table, format, std::span(bytes).subspan(offset), 0.37f);
      }
}

// What lies behind a buffer is not read: the last block ends where its memory ends (the sanitizer sees to it).
TEST_P(Decode, ReadsNothingBeyondTheBlocks) {
  const Format& format = GetParam();
  for (const KernelTable* table : available_kernels())
    for (const size_t blocks : {1, 3}) {
      const auto bytes = std::make_unique<uint8_t[]>(blocks * format.block_bytes);
      std::memset(bytes.get(), 0x35, blocks * format.block_bytes);
      expect_equal(*table, format, {bytes.get(), blocks * format.block_bytes}, 2);
    }
}

TEST_P(Decode, EverySixteenBitScale) {
  const Format& format = GetParam();
  // Where a block keeps its first scale; formats without sixteen-bit scales have their own test.
  size_t at = 0;
  switch (format.id) {
    case FormatId::kQ2_K: at = offsetof(BlockQ2_K, d); break;
    case FormatId::kQ3_K: at = offsetof(BlockQ3_K, d); break;
    case FormatId::kQ6_K: at = offsetof(BlockQ6_K, d); break;
    case FormatId::kTQ1_0: at = offsetof(BlockTQ1_0, d); break;
    case FormatId::kTQ2_0: at = offsetof(BlockTQ2_0, d); break;
    default: break;
  }
  std::mt19937 random(8);
  constexpr size_t kStep = 512;
  for (const KernelTable* table : available_kernels()) {
    // The narrow ISAs share their arithmetic: a part of the scales, other ones on each, is enough for the widest formats.
    const uint32_t stride = format.block_values == 256 ? 3 : 1;
    for (uint32_t first = random() % stride; first < 0x10000; first += stride * kStep) {
      std::vector<uint8_t> bytes(kStep * format.block_bytes);
      for (uint8_t& b : bytes) b = uint8_t(random());
      for (size_t i = 0; i < kStep; ++i) {
        const auto scale = uint16_t(first + stride * i);
        if (format.block_bytes >= 2) std::memcpy(bytes.data() + i * format.block_bytes + at, &scale, 2);
      }
      expect_equal(*table, format, bytes);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Decode, testing::ValuesIn(kFormats), [](const auto& format) { return std::string(format.param.name); });

TEST(DecodeScales, OfI2_SMayBeAnything) {
  const Format& format = kFormats[format_index(FormatId::kI2_S)];
  std::vector<uint8_t> bytes(5 * 32);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = uint8_t(i * 37);
  for (const KernelTable* table : available_kernels())
    for (const float scale : {0.0f, -0.0f, 1e-45f, -3.5f, HUGE_VALF, -HUGE_VALF, NAN}) expect_equal(*table, format, bytes, scale);
}

TEST(DecodeScales, OfMXFP4AreAllPowers) {
  const Format& format = kFormats[format_index(FormatId::kMXFP4)];
  std::vector<uint8_t> bytes(256 * 17);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = i % 17 == 0 ? uint8_t(i / 17) : uint8_t(i * 29);
  for (const KernelTable* table : available_kernels()) expect_equal(*table, format, bytes);
}

}  // namespace
}  // namespace nibble
