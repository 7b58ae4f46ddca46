// Every format with a kernel: the same bits on every ISA, for every number of columns and every split of the rows, and close to
// the exact product of decoded weights and quantized activations.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "formats/quant_reference.h"
#include "formats/tensor_view.h"
#include "kernels/drive.h"
#include "kernels/kernels.h"

namespace nibble {
namespace {

struct Problem {
  TensorView weights;
  std::vector<std::byte> bytes;
  std::vector<float> x;  // (columns, length)
  int columns;
};

Problem make_problem(const Format& format, int64_t rows, int64_t length, int columns, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(size_t(rows * length));
  for (float& v : values) v = normal(random) * 0.3f;
  Problem p;
  p.columns = columns;
  p.bytes.resize(format_bytes(format, values.size()).value());
  EXPECT_TRUE(encode_reference(format.id, values, p.bytes).has_value());
  p.weights.name = "w";
  p.weights.format = &format;
  p.weights.rank = 2;
  p.weights.dims[0] = uint64_t(length), p.weights.dims[1] = uint64_t(rows);
  p.weights.bytes = p.bytes;
  p.x.resize(size_t(columns * length));
  for (float& v : p.x) v = normal(random) * (random() % 50 == 0 ? 20.0f : 1.0f);
  return p;
}

std::vector<float> run(const KernelTable& table, const Problem& p, int threads = 1) {
  ThreadPool pool(threads);
  Driver driver(table, pool);
  Columns x;
  const auto length = int64_t(p.weights.row_length()), rows = int64_t(p.weights.rows());
  x.set(p.x.data(), length, length, p.columns);
  std::vector<float> out(size_t(p.columns * rows), NAN);
  driver.matmul(p.weights, x, out.data(), rows);
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

class MatmulFormat : public testing::TestWithParam<int> {
 protected:
  const Format& format() const { return kFormats[GetParam()]; }
  // Where the high byte of a block's scale, and of its minimum, stands.
  std::vector<size_t> scale_bytes() const {
    switch (format().id) {
      case FormatId::kQ4_1: case FormatId::kQ5_1: case FormatId::kQ4_K: case FormatId::kQ5_K: return {1, 3};
      case FormatId::kQ2_K: return {81, 83};
      case FormatId::kQ3_K: case FormatId::kQ6_K: case FormatId::kTQ1_0: case FormatId::kTQ2_0: return {size_t(format().block_bytes) - 1};
      case FormatId::kMXFP4: return {0};
      case FormatId::kI2_S: return {};
      default: return {1};
    }
  }
  std::vector<int64_t> lengths() const {
    if (format().block_values >= 128) return {256, 512, 2304};
    if (format().block_values == 32) return {32, 64, 96, 288, 1056};
    return {1, 7, 16, 33, 250};
  }
};

TEST_P(MatmulFormat, SameBitsOnEveryIsaAndColumnCount) {
  for (const int64_t length : lengths()) {
    for (const int64_t rows : {1, 5, 16, 37, 70}) {
      const Problem p = make_problem(format(), rows, length, 41, uint32_t(rows * 1000 + length));
      const std::vector<float> expected = run(**available_kernels().begin(), p);
      for (const KernelTable* table : available_kernels()) {
        EXPECT_TRUE(same_bits(run(*table, p), expected)) << table->name << " rows " << rows << " length " << length;
        for (const int columns : {1, 2, 3, 4, 5, 6, 7, 8, 11, 15, 16, 17, 32, 33}) {
          Problem fewer = p;
          fewer.columns = columns, fewer.weights.bytes = fewer.bytes;
          const std::vector<float> part(expected.begin(), expected.begin() + columns * rows);
          EXPECT_TRUE(same_bits(run(*table, fewer), part)) << table->name << " columns " << columns << " rows " << rows << " length " << length;
        }
      }
    }
  }
}

// Blocks of one repeated byte (codes, sub-scales and minima at an end of their range) and of random ones, against activations of
// +-127 and of either sign by turns: no integer on the way may overflow, whatever widths an instruction set uses.
TEST_P(MatmulFormat, SameBitsAtTheEndsOfEveryRange) {
  if (format().block_values == 1) GTEST_SKIP() << "no integers";
  const int64_t rows = 33, length = format().block_values >= 128 ? 512 : 96;
  Problem p = make_problem(format(), rows, length, 19, 5);
  std::mt19937 random(11);
  const size_t blocks = size_t(rows * length) / format().block_values;
  const auto original = p.bytes;
  for (const int kind : {0x00, 0x7F, 0x80, 0xFF, 0x0F, 0xF0, -1}) {
    p.bytes = original;
    for (size_t i = 0; i < blocks * format().block_bytes; ++i) p.bytes[i] = std::byte(kind < 0 ? random() : uint32_t(kind));
    for (size_t i = 0; i < blocks; ++i) {  // finite scales: the top bits of an exponent clear wherever a half may lie
      std::byte* block = p.bytes.data() + i * format().block_bytes;
      for (const size_t at : scale_bytes()) block[at] = std::byte(0x2C);
    }
    p.weights.bytes = p.bytes;
    for (size_t i = 0; i < p.x.size(); ++i) {
      const size_t column = i / size_t(length);
      p.x[i] = column % 3 == 0 ? 1.0f : column % 3 == 1 ? -1.0f : i % 2 ? 1.0f : -1.0f;
    }
    const std::vector<float> expected = run(**available_kernels().begin(), p);
    for (const float v : expected) ASSERT_TRUE(std::isfinite(v)) << kind;
    for (const KernelTable* table : available_kernels()) EXPECT_TRUE(same_bits(run(*table, p), expected)) << table->name << " bytes " << kind;
  }
}

TEST_P(MatmulFormat, CloseToTheExactProduct) {
  const int64_t rows = 40, length = lengths().back();
  const Problem p = make_problem(format(), rows, length, 3, 7);
  std::vector<float> w(size_t(rows * length));
  ASSERT_TRUE(decode_reference(format().id, p.bytes, w).has_value());
  const std::vector<float> out = run(kernels(), p);
  for (int c = 0; c < p.columns; ++c) {
    for (int64_t r = 0; r < rows; ++r) {
      double exact = 0, magnitude = 0;
      for (int64_t k = 0; k < length; ++k) {
        const double product = double(w[size_t(r * length + k)]) * p.x[size_t(c * length + k)];
        exact += product, magnitude += std::fabs(product);
      }
      // Activations are rounded to 1/127 of the largest of their group.
      const double bound = format().activation == ActivationKind::kFloat ? 1e-5 : 0.02;
      EXPECT_NEAR(out[size_t(c * rows + r)], exact, bound * magnitude + 1e-6) << format().name << " row " << r << " column " << c;
    }
  }
}

TEST_P(MatmulFormat, SameBitsOnAnyNumberOfThreads) {
  const int64_t length = format().block_values == 1 ? 250 : 768;
  for (const int columns : {1, 9}) {
    const Problem p = make_problem(format(), 333, length, columns, 3);
    const std::vector<float> expected = run(kernels(), p, 1);
    for (const int threads : {2, 3, 5}) EXPECT_TRUE(same_bits(run(kernels(), p, threads), expected)) << threads;
  }
}

std::vector<int> weight_formats() {
  std::vector<int> indices;
  for (int i = 0; i < kFormatCount; ++i)
    if (kFormats[i].stores_weights) indices.push_back(i);
  return indices;
}

INSTANTIATE_TEST_SUITE_P(All, MatmulFormat, testing::ValuesIn(weight_formats()),
                         [](const auto& row) { return std::string(kFormats[row.param].name); });

}  // namespace
}  // namespace nibble
