// --fast-bf16, on every unit that this processor has: within its stated bound of the exact product, and the same bits alone and among
// other columns, on any number of threads. Skipped where the processor has no AVX512-BF16.
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

std::vector<const KernelTable*> tables() {
  std::vector<const KernelTable*> with;
  for (const KernelTable* table : available_kernels())
    if (fast_bf16(*table)) with.push_back(table);
  return with;
}

// Columns [first, first + columns) through the driver.
std::vector<float> run(const KernelTable& table, const Problem& p, int first, int columns, int threads = 1, bool fast = true) {
  TensorView view;
  view.name = "w";
  view.format = &kFormats[format_index(FormatId::kBF16)];
  view.rank = 2;
  view.dims[0] = uint64_t(p.length), view.dims[1] = uint64_t(p.rows);
  view.bytes = std::as_bytes(std::span(p.weights));
  ThreadPool pool(threads);
  Driver driver(table, pool);
  if (fast) driver.set_fast_bf16(fast_bf16(table));
  Columns x;
  x.set(p.x.data() + first * p.length, p.length, p.length, columns);
  std::vector<float> out(size_t(columns * p.rows), NAN);
  driver.matmul(view, x, out.data(), p.rows);
  return out;
}

bool same_bits(const float* a, const float* b, size_t count) { return std::memcmp(a, b, count * sizeof(float)) == 0; }

// Against sums in double of the same weights and unrounded activations.
void expect_bound(const KernelTable& table, const Problem& p, int columns) {
  const std::vector<float> all = run(table, p, 0, columns);
  for (int c = 0; c < columns; ++c)
    for (int64_t r = 0; r < p.rows; ++r) {
      double exact = 0, magnitude = 0;
      for (int64_t k = 0; k < p.length; ++k) {
        const double product = double(bfloat16_to_float(p.weights[size_t(r * p.length + k)])) * p.x[size_t(c * p.length + k)];
        exact += product, magnitude += std::fabs(product);
      }
      const double bound = magnitude * (1.0 / 256 + double(p.length) / (1 << 24));
      ASSERT_NEAR(all[size_t(c * p.rows + r)], exact, bound) << table.name << " length " << p.length << " row " << r << " column " << c;
    }
}

// Lengths around the steps of 32 and the chunks of 512, rows and columns around whole tiles.
TEST(FastBf16, KeepsItsBound) {
  if (tables().empty()) GTEST_SKIP() << "no AVX512-BF16 here";
  for (const KernelTable* table : tables())
    for (const int64_t length : {1, 15, 16, 17, 31, 32, 33, 63, 250, 511, 513, 2048})
      for (const int64_t rows : {1, 15, 16, 17, 33, 70})
        for (const int columns : {1, 7, 16, 17, 33}) expect_bound(*table, make_problem(rows, length, columns), columns);
}

TEST(FastBf16, DoesNotDependOnNeighbours) {
  if (tables().empty()) GTEST_SKIP() << "no AVX512-BF16 here";
  constexpr int kColumns = 37;
  for (const KernelTable* table : tables())
    for (const int64_t length : {33, 250, 1030}) {
      const Problem p = make_problem(37, length, kColumns);
      const std::vector<float> all = run(*table, p, 0, kColumns);
      for (int c = 0; c < kColumns; ++c)
        EXPECT_TRUE(same_bits(run(*table, p, c, 1).data(), all.data() + c * p.rows, size_t(p.rows))) << table->name << " " << length << " " << c;
    }
}

TEST(FastBf16, SameBitsOnAnyNumberOfThreads) {
  if (tables().empty()) GTEST_SKIP() << "no AVX512-BF16 here";
  const Problem p = make_problem(333, 250, 9);
  for (const KernelTable* table : tables()) {
    const std::vector<float> expected = run(*table, p, 0, 9);
    for (const int threads : {2, 3, 5})
      EXPECT_TRUE(same_bits(run(*table, p, 0, 9, threads).data(), expected.data(), expected.size())) << table->name << " " << threads;
  }
}

// An option that changed nothing would not be one: it rounds, and only when it is asked for.
TEST(FastBf16, IsOffUnlessAskedFor) {
  if (tables().empty()) GTEST_SKIP() << "no AVX512-BF16 here";
  const Problem p = make_problem(64, 512, 2);
  for (const KernelTable* table : tables()) {
    const std::vector<float> exact = run(*table, p, 0, 2, 1, false), fast = run(*table, p, 0, 2);
    EXPECT_FALSE(same_bits(exact.data(), fast.data(), exact.size())) << table->name;
  }
}

TEST(FastBf16, NarrowTablesHaveNone) {
  for (const KernelTable* table : available_kernels())
    if (!std::strncmp(table->name, "avx2", 4) || !std::strcmp(table->name, "scalar") || !std::strncmp(table->name, "neon", 4))
      EXPECT_EQ(fast_bf16(*table), nullptr) << table->name;
}

}  // namespace
}  // namespace nibble
