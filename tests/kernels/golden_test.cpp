// The same bits on every machine, not only on every ISA of this one: hashes of results, recorded once on x86-64 and equal under
// qemu-aarch64. A change here changes the logits of every model: it must be meant, and said in docs/bit-rules.md.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/drive.h"

namespace nibble {
namespace {

// Deterministic without the standard library's distributions, whose libm differs.
class Numbers {
 public:
  uint32_t next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return uint32_t(state_ >> 33);
  }
  float value() { return (float(next() >> 7) - 8388608.0f) / 8388608.0f; }
  std::vector<float> values(size_t n) {
    std::vector<float> x(n);
    for (float& v : x) v = value();
    return x;
  }

 private:
  uint64_t state_ = 2026;
};

uint64_t hash(const std::vector<float>& x) {  // FNV-1a
  uint64_t h = 14695981039346656037ull;
  for (const float v : x) {
    uint32_t bits;
    std::memcpy(&bits, &v, 4);
    for (int i = 0; i < 4; ++i) h = (h ^ (bits >> (8 * i) & 255)) * 1099511628211ull;
  }
  return h;
}

std::vector<float> product(const KernelTable& table, const Format& format, int columns) {
  constexpr int64_t kRows = 37, kLength = 768;
  Numbers numbers;
  std::vector<std::byte> bytes(format_bytes(format, kRows * kLength).value());
  for (std::byte& b : bytes) b = std::byte(numbers.next() & 255);
  // Keep every two-byte field a finite half of moderate size, and the four-byte ones a moderate float.
  for (size_t i = 1; i < bytes.size(); i += 2) bytes[i] &= std::byte(0xBB);
  TensorView view;
  view.format = &format, view.rank = 2, view.dims[0] = kLength, view.dims[1] = kRows, view.bytes = bytes;
  const std::vector<float> x = numbers.values(size_t(columns) * kLength);
  ThreadPool pool(1);
  Driver driver(table, pool);
  Columns input;
  input.set(x.data(), kLength, kLength, columns);
  std::vector<float> out(size_t(columns * kRows));
  driver.matmul(view, input, out.data(), kRows);
  return out;
}

struct Golden {
  FormatId format;
  uint64_t hash;
};
const Golden kProducts[] = {
    {FormatId::kF32, 0xd92177081f286181},
    {FormatId::kF16, 0x8cc251ba57ff5fe2},
    {FormatId::kBF16, 0xa772911e18ba0d4e},
    {FormatId::kQ4_0, 0x2433f2ea30948f45},
    {FormatId::kQ4_1, 0x772951142514414e},
    {FormatId::kQ5_0, 0x6e0040fb839e8337},
    {FormatId::kQ5_1, 0x96b97811c4aedc5c},
    {FormatId::kQ8_0, 0xf8057648b2073b33},
    {FormatId::kQ2_K, 0xb9d78ffea98c8062},
    {FormatId::kQ3_K, 0x383e739226ec33e2},
    {FormatId::kQ4_K, 0xcf36b1a58d5fb207},
    {FormatId::kQ5_K, 0xe1929ddb177534ee},
    {FormatId::kQ6_K, 0x6c2b5e5a61f91cdd},
    {FormatId::kIQ4_NL, 0xdb2178fd6bfa15e0},
    {FormatId::kIQ4_XS, 0x2437dd46fed5c2f},
    {FormatId::kMXFP4, 0x99b0e8861fea3db5},
    {FormatId::kTQ1_0, 0xf946677993291c06},
    {FormatId::kTQ2_0, 0x32212b3ce15ab964},
    {FormatId::kI2_S, 0xa310412c4210d435},
};

TEST(Golden, ProductsHaveTheRecordedBits) {
  for (const KernelTable* table : available_kernels())
    for (const Golden& golden : kProducts)
      EXPECT_EQ(hash(product(*table, format_of(golden.format), 7)), golden.hash)
          << format_of(golden.format).name << " on " << table->name << ": 0x" << std::hex << hash(product(*table, format_of(golden.format), 7));
}

TEST(Golden, ElementwiseResultsHaveTheRecordedBits) {
  for (const KernelTable* table : available_kernels()) {
    Numbers numbers;
    std::vector<float> x = numbers.values(1003), y = numbers.values(1003);
    for (float& v : x) v *= 12;
    table->gated(Activation::kSilu, y.data(), x.data(), y.data(), 1003);
    table->gated(Activation::kGelu, y.data(), y.data(), x.data(), 1003);
    table->rms_norm(y.data(), y.data(), x.data(), 1003, 1e-5f);
    table->softcap(y.data(), 3.0f, 1003);
    table->softmax(x.data(), 1003);
    y.insert(y.end(), x.begin(), x.end());
    EXPECT_EQ(hash(y), 0xf58e316363ab79f1u) << table->name << ": 0x" << std::hex << hash(y);
  }
}

}  // namespace
}  // namespace nibble
