// --fast-bf16: within its stated bound of the exact product, and the same bits alone and among other columns, on any number of
// threads. Skipped where the processor has no AVX512-BF16.
#include "kernels/fast_bf16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/half.h"
#include "formats/tensor_view.h"
#include "kernels/drive.h"

namespace nibble {
namespace {

struct Problem {
  int64_t rows, length;
  std::vector<uint16_t> weights;
  std::vector<float> x;  // (columns, length)
};

Problem make_problem(int64_t rows, int64_t length, int columns) {
  std::mt19937 random(uint32_t(rows * 131 + length));
  std::normal_distribution<float> normal;
  Problem p{rows, length, std::vector<uint16_t>(size_t(rows * length)), std::vector<float>(size_t(columns * length))};
  for (uint16_t& w : p.weights) w = float_to_bfloat16(normal(random));
  for (float& v : p.x) v = normal(random) * (random() % 50 == 0 ? 20.0f : 1.0f);
  return p;
}

// Columns [first, first + columns) through the driver.
std::vector<float> run(const Problem& p, int first, int columns, int threads = 1, bool fast = true) {
  TensorView view;
  view.name = "w";
  view.format = &kFormats[format_index(FormatId::kBF16)];
  view.rank = 2;
  view.dims[0] = uint64_t(p.length), view.dims[1] = uint64_t(p.rows);
  view.bytes = std::as_bytes(std::span(p.weights));
  ThreadPool pool(threads);
  Driver driver(kernels(), pool);
  if (fast) driver.set_fast_bf16(fast_bf16_matmul());
  Columns x;
  x.set(p.x.data() + first * p.length, p.length, p.length, columns);
  std::vector<float> out(size_t(columns * p.rows), NAN);
  driver.matmul(view, x, out.data(), p.rows);
  return out;
}

bool same_bits(const float* a, const float* b, size_t count) { return std::memcmp(a, b, count * sizeof(float)) == 0; }

TEST(FastBf16, KeepsItsBoundAndDoesNotDependOnNeighbours) {
  if (!fast_bf16_matmul()) GTEST_SKIP() << "no AVX512-BF16 here";
  constexpr int kColumns = 7;
  for (const int64_t length : {1, 15, 16, 17, 31, 32, 33, 63, 250, 2048})
    for (const int64_t rows : {1, 7, 8, 9, 37}) {
      const Problem p = make_problem(rows, length, kColumns);
      const std::vector<float> all = run(p, 0, kColumns);
      for (int c = 0; c < kColumns; ++c) {
        EXPECT_TRUE(same_bits(run(p, c, 1).data(), all.data() + c * rows, size_t(rows))) << length << " " << rows << " " << c;
        for (int64_t r = 0; r < rows; ++r) {
          double exact = 0, magnitude = 0;
          for (int64_t k = 0; k < length; ++k) {
            const double product = double(bfloat16_to_float(p.weights[size_t(r * length + k)])) * p.x[size_t(c * length + k)];
            exact += product, magnitude += std::fabs(product);
          }
          EXPECT_NEAR(all[size_t(c * rows + r)], exact, magnitude / 256) << length << " row " << r << " column " << c;
        }
      }
    }
}

TEST(FastBf16, SameBitsOnAnyNumberOfThreads) {
  if (!fast_bf16_matmul()) GTEST_SKIP() << "no AVX512-BF16 here";
  const Problem p = make_problem(333, 250, 9);
  const std::vector<float> expected = run(p, 0, 9);
  for (const int threads : {2, 3, 5}) EXPECT_TRUE(same_bits(run(p, 0, 9, threads).data(), expected.data(), expected.size())) << threads;
}

// An option that changed nothing would not be one: it rounds, and only when it is asked for.
TEST(FastBf16, IsOffUnlessAskedFor) {
  if (!fast_bf16_matmul()) GTEST_SKIP() << "no AVX512-BF16 here";
  const Problem p = make_problem(64, 512, 2);
  const std::vector<float> exact = run(p, 0, 2, 1, false), fast = run(p, 0, 2);
  EXPECT_FALSE(same_bits(exact.data(), fast.data(), exact.size()));
}

}  // namespace
}  // namespace nibble
