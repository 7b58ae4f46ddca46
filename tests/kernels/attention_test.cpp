// Attention against a double-precision reference, and the bit rules: the same on every ISA, and for a token whatever tokens
// are computed beside it.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/half.h"
#include "kernels/drive.h"

namespace nibble {
namespace {

struct Shape {
  int heads, kv_heads, head_dim;
  int64_t past;  // positions before the queries
  int tokens;
  int64_t window;
  float softcap;
  bool sinks;
};

struct Cache {
  std::vector<float> k, v;  // (positions, kv_heads * head_dim), as stored: rounded to f16
  std::vector<std::vector<uint16_t>> k_pages, v_pages;
  std::vector<const uint16_t*> k_table, v_table;
  std::vector<float> q, sinks;
};

Cache make_cache(const KernelTable& table, const Shape& s) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  const int64_t positions = s.past + s.tokens, width = int64_t(s.kv_heads) * s.head_dim;
  Cache c;
  c.k.resize(size_t(positions * width)), c.v.resize(c.k.size());
  for (float& x : c.k) x = half_to_float(float_to_half(normal(random)));
  for (float& x : c.v) x = half_to_float(float_to_half(normal(random)));
  c.q.resize(size_t(s.tokens) * size_t(s.heads * s.head_dim));
  for (float& x : c.q) x = normal(random);
  for (int h = 0; h < s.heads; ++h) c.sinks.push_back(normal(random));
  const int64_t pages = (positions + kKvPageTokens - 1) / kKvPageTokens;
  for (int64_t i = 0; i < pages; ++i) {
    c.k_pages.emplace_back(size_t(width * kKvPageTokens)), c.v_pages.emplace_back(size_t(width * kKvPageTokens));
  }
  for (int64_t p = 0; p < positions; ++p)
    table.kv_store(c.k_pages[size_t(p / kKvPageTokens)].data(), c.v_pages[size_t(p / kKvPageTokens)].data(), &c.k[size_t(p * width)],
                   &c.v[size_t(p * width)], s.kv_heads, s.head_dim, int(p % kKvPageTokens));
  for (int64_t i = 0; i < pages; ++i) c.k_table.push_back(c.k_pages[size_t(i)].data()), c.v_table.push_back(c.v_pages[size_t(i)].data());
  return c;
}

// Tokens [begin, end) of the shape's queries, as one call.
std::vector<float> run(const KernelTable& table, const Shape& s, const Cache& c, int begin, int end, int threads = 1) {
  ThreadPool pool(threads);
  Driver driver(table, pool);
  const int width = s.heads * s.head_dim;
  std::vector<float> out(size_t((end - begin) * width), NAN);
  AttentionArgs a;
  a.q = c.q.data() + int64_t(begin) * width, a.q_stride = width;
  a.out = out.data(), a.out_stride = width;
  a.first_position = s.past + begin;
  a.heads = s.heads, a.kv_heads = s.kv_heads, a.head_dim = s.head_dim;
  a.k_pages = c.k_table.data(), a.v_pages = c.v_table.data();
  a.scale = 1.0f / std::sqrt(float(s.head_dim));
  a.softcap = s.softcap, a.window = s.window;
  a.sinks = s.sinks ? c.sinks.data() : nullptr;
  driver.attention(a, end - begin);
  return out;
}

std::vector<double> reference(const Shape& s, const Cache& c) {
  const int group = s.heads / s.kv_heads, width = s.kv_heads * s.head_dim;
  std::vector<double> out;
  for (int t = 0; t < s.tokens; ++t) {
    const int64_t position = s.past + t, first = s.window ? std::max<int64_t>(0, position - s.window + 1) : 0;
    for (int h = 0; h < s.heads; ++h) {
      const float* q = &c.q[size_t(t * s.heads + h) * size_t(s.head_dim)];
      std::vector<double> weight, value(size_t(s.head_dim), 0.0);
      double sum = s.sinks ? std::exp(double(c.sinks[size_t(h)])) : 0;
      for (int64_t p = first; p <= position; ++p) {
        double score = 0;
        for (int d = 0; d < s.head_dim; ++d) score += double(q[d]) * c.k[size_t(p * width + h / group * s.head_dim + d)];
        score /= std::sqrt(double(s.head_dim));
        if (s.softcap > 0) score = s.softcap * std::tanh(score / s.softcap);
        const double e = std::exp(score);
        sum += e;
        for (int d = 0; d < s.head_dim; ++d) value[size_t(d)] += e * c.v[size_t(p * width + h / group * s.head_dim + d)];
      }
      for (const double v : value) out.push_back(v / sum);
    }
  }
  return out;
}

const Shape kShapes[] = {
    {4, 4, 8, 0, 5, 0, 0, false},       {8, 4, 8, 3, 70, 0, 0, false},     {4, 1, 64, 100, 9, 0, 0, false},
    {6, 2, 80, 500, 30, 0, 0, false},   {4, 2, 256, 1030, 3, 0, 0, false}, {4, 2, 64, 700, 40, 100, 0, false},
    {4, 2, 24, 20, 600, 13, 50, false}, {2, 1, 128, 0, 1, 0, 30, false},   {8, 2, 64, 511, 2, 0, 0, true},
    {4, 2, 64, 1500, 5, 128, 0, true},  {3, 3, 16, 63, 66, 64, 0, false},
};

class Attention : public testing::TestWithParam<int> {};

TEST_P(Attention, CloseToTheReference) {
  const Shape& s = kShapes[GetParam()];
  const Cache c = make_cache(kernels(), s);
  const std::vector<double> expected = reference(s, c);
  const std::vector<float> out = run(kernels(), s, c, 0, s.tokens);
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], 2e-5) << "at " << i;
}

TEST_P(Attention, SameBitsEverywhere) {
  const Shape& s = kShapes[GetParam()];
  const KernelTable& scalar = **available_kernels().begin();
  const Cache c = make_cache(scalar, s);
  const std::vector<float> expected = run(scalar, s, c, 0, s.tokens);
  const size_t width = size_t(s.heads * s.head_dim);
  for (const KernelTable* table : available_kernels()) {
    const Cache own = make_cache(*table, s);
    EXPECT_EQ(own.k_pages, c.k_pages) << table->name;
    EXPECT_EQ(own.v_pages, c.v_pages) << table->name;
    for (const int threads : {1, 3}) {
      const std::vector<float> out = run(*table, s, own, 0, s.tokens, threads);
      EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size() * 4), 0) << table->name << " threads " << threads;
    }
    for (const int step : {1, 2, 7}) {
      for (int begin = 0; begin < s.tokens; begin += step) {
        const int end = std::min(s.tokens, begin + step);
        const std::vector<float> out = run(*table, s, own, begin, end);
        ASSERT_EQ(std::memcmp(out.data(), expected.data() + size_t(begin) * width, out.size() * 4), 0)
            << table->name << " tokens " << begin << " to " << end;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Attention, testing::Range(0, int(std::size(kShapes))));

}  // namespace
}  // namespace nibble
