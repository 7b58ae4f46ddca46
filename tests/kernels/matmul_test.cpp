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
