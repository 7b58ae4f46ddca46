// Attention against a double-precision reference, and the bit rules: the same on every ISA, and for a token whatever tokens
// are computed beside it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <span>
#include <tuple>
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
  KvType type;
  std::vector<float> k, v;  // (positions, kv_heads * head_dim), as given
  std::vector<std::vector<uint8_t>> k_pages, v_pages;
  std::vector<const uint8_t*> k_table, v_table;
  std::vector<float> q, sinks;
};

Cache make_cache(const KernelTable& table, const Shape& s, KvType type) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  const int64_t positions = s.past + s.tokens, width = int64_t(s.kv_heads) * s.head_dim;
  Cache c;
  c.type = type;
  c.k.resize(size_t(positions * width)), c.v.resize(c.k.size());
  for (float& x : c.k) x = normal(random);
  for (float& x : c.v) x = normal(random);
  c.q.resize(size_t(s.tokens) * size_t(s.heads * s.head_dim));
  for (float& x : c.q) x = normal(random);
  for (int h = 0; h < s.heads; ++h) c.sinks.push_back(normal(random));
  const int64_t pages = (positions + kKvPageTokens - 1) / kKvPageTokens;
  const size_t bytes = size_t(s.kv_heads * kv_head_bytes(type, s.head_dim));
  for (int64_t i = 0; i < pages; ++i) c.k_pages.emplace_back(bytes), c.v_pages.emplace_back(bytes);
  for (int64_t p = 0; p < positions; ++p)
    table.kv_store(type, c.k_pages[size_t(p / kKvPageTokens)].data(), c.v_pages[size_t(p / kKvPageTokens)].data(), &c.k[size_t(p * width)],
                   &c.v[size_t(p * width)], s.kv_heads, s.head_dim, int(p % kKvPageTokens));
  for (int64_t i = 0; i < pages; ++i) c.k_table.push_back(c.k_pages[size_t(i)].data()), c.v_table.push_back(c.v_pages[size_t(i)].data());
  return c;
}

AttentionArgs arguments(const Shape& s, const Cache& c, int begin, int end, float* out) {
  const int width = s.heads * s.head_dim;
  AttentionArgs a;
  a.q = c.q.data() + int64_t(begin) * width, a.q_stride = width;
  a.out = out, a.out_stride = width;
  a.tokens = end - begin, a.first_position = s.past + begin;
  a.heads = s.heads, a.kv_heads = s.kv_heads, a.head_dim = s.head_dim;
  a.kv_type = c.type, a.k_pages = c.k_table.data(), a.v_pages = c.v_table.data();
  a.scale = 1.0f / std::sqrt(float(s.head_dim));
  a.softcap = s.softcap, a.window = s.window;
  a.sinks = s.sinks ? c.sinks.data() : nullptr;
  return a;
}

// Tokens [begin, end) of the shape's queries, as one call.
std::vector<float> run(const KernelTable& table, const Shape& s, const Cache& c, int begin, int end, int threads = 1) {
  ThreadPool pool(threads);
  Driver driver(table, pool);
  std::vector<float> out(size_t((end - begin) * s.heads * s.head_dim), NAN);
  const AttentionArgs a = arguments(s, c, begin, end, out.data());
  driver.attention(std::span(&a, 1));
  return out;
}

// What q8_0 keeps of x: codes times a scale, in f16 where it is stored.
void round_to_eight_bits(float* x, int n, bool half_scale) {
  for (int i = 0; i < n; i += 32) {
    const int count = std::min(32, n - i);
    float most = 0;
    for (int j = i; j < i + count; ++j) most = std::max(most, std::fabs(x[j]));
    const float scale = half_scale ? half_to_float(float_to_half(most / 127.0f)) : most / 127.0f;
    for (int j = i; j < i + count; ++j) x[j] = scale > 0 ? std::clamp(std::nearbyint(x[j] * (1 / scale)), -127.0f, 127.0f) * scale : 0;
  }
}

// The cache and the queries as the kernels are to see them.
Cache rounded(const Shape& s, Cache c) {
  if (c.type == KvType::kF16) {
    for (auto* values : {&c.k, &c.v}) for (float& x : *values) x = half_to_float(float_to_half(x));
    return c;
  }
  for (auto* values : {&c.k, &c.v})
    for (size_t i = 0; i < values->size(); i += size_t(s.head_dim)) round_to_eight_bits(&(*values)[i], s.head_dim, true);
  for (size_t i = 0; i < c.q.size(); i += size_t(s.head_dim)) round_to_eight_bits(&c.q[i], s.head_dim, false);
  return c;
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
    {4, 2, 64, 1500, 5, 128, 0, true},  {3, 3, 16, 63, 66, 64, 0, false},  {8, 1, 32, 1023, 3, 0, 0, true},
    {5, 1, 96, 600, 21, 0, 20, false},  {7, 1, 40, 1200, 5, 600, 0, false}, {71, 1, 64, 530, 2, 0, 0, false},
    // Several kv heads a part: as streams, or with several tiles each.
    {16, 16, 40, 2100, 1, 0, 0, true},  {32, 32, 24, 1100, 1, 700, 0, false}, {60, 20, 64, 1600, 3, 0, 0, false},
    {32, 8, 128, 4097, 1, 0, 0, false}, {17, 17, 512, 600, 1, 0, 0, false},
};

class Attention : public testing::TestWithParam<std::tuple<int, KvType>> {
 protected:
  const Shape& s = kShapes[std::get<0>(GetParam())];
  const KvType type = std::get<1>(GetParam());
};

TEST_P(Attention, CloseToTheReference) {
  const Cache c = make_cache(kernels(), s, type);
  const std::vector<double> expected = reference(s, rounded(s, c));
  const std::vector<float> out = run(kernels(), s, c, 0, s.tokens);
  // q8_0 rounds weights to 15 bits as well.
  const double bound = type == KvType::kF16 ? 2e-5 : 1e-4;
  for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], bound) << "at " << i;
}

// What docs/performance.md says of q8_0 beside the unrounded cache, q and all.
TEST_P(Attention, RoundsAsMuchAsStated) {
  const Cache c = make_cache(kernels(), s, type);
  const std::vector<double> exact = reference(s, c);
  const std::vector<float> out = run(kernels(), s, c, 0, s.tokens);
  double error = 0, power = 0;
  for (size_t i = 0; i < out.size(); ++i) error += (out[i] - exact[i]) * (out[i] - exact[i]), power += exact[i] * exact[i];
  EXPECT_LE(error / power, type == KvType::kF16 ? 1e-6 : 3e-4);
  EXPECT_GT(error / power, type == KvType::kF16 ? 1e-9 : 1e-6);
}

TEST_P(Attention, SameBitsEverywhere) {
  const KernelTable& scalar = **available_kernels().begin();
  const Cache c = make_cache(scalar, s, type);
  const std::vector<float> expected = run(scalar, s, c, 0, s.tokens);
  const size_t width = size_t(s.heads * s.head_dim);
  for (const KernelTable* table : available_kernels()) {
    const Cache own = make_cache(*table, s, type);
    EXPECT_EQ(own.k_pages, c.k_pages) << table->name;
    EXPECT_EQ(own.v_pages, c.v_pages) << table->name;
    for (const int threads : {1, 3}) {
      const std::vector<float> out = run(*table, s, own, 0, s.tokens, threads);
      EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size() * 4), 0) << table->name << " threads " << threads;
    }
    for (const int step : {1, 2, 7}) {
      for (int begin = 0; begin < s.tokens; begin += step) {
        const int end = std::min(s.tokens, begin + step);
        const std::vector<float> out = run(*table, s, own, begin, end, 1 + begin % 2 * 3);
        ASSERT_EQ(std::memcmp(out.data(), expected.data() + size_t(begin) * width, out.size() * 4), 0)
            << table->name << " tokens " << begin << " to " << end;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Attention,
                         testing::Combine(testing::Range(0, int(std::size(kShapes))), testing::Values(KvType::kF16, KvType::kQ8_0)));

// Spans of several sequences in one call, cut in chunks or not.
TEST(AttentionDriver, SpansTogetherGiveWhatTheyGiveAlone) {
  const Shape shapes[] = {{8, 2, 64, 1500, 1, 0, 0, false}, {8, 2, 64, 3, 1, 0, 0, false}, {8, 2, 64, 700, 40, 0, 0, false}};
  for (const KvType type : {KvType::kF16, KvType::kQ8_0}) {
    std::vector<Cache> caches;
    std::vector<AttentionArgs> spans;
    std::vector<std::vector<float>> outs;
    for (const Shape& s : shapes) {
      caches.push_back(make_cache(kernels(), s, type));
      outs.emplace_back(size_t(s.tokens * s.heads * s.head_dim), NAN);
    }
    for (size_t i = 0; i < 3; ++i) spans.push_back(arguments(shapes[i], caches[i], 0, shapes[i].tokens, outs[i].data()));
    for (const int threads : {1, 2, 16}) {
      for (auto& out : outs) std::fill(out.begin(), out.end(), NAN);
      ThreadPool pool(threads);
      Driver driver(kernels(), pool);
      driver.attention(spans);
      for (size_t i = 0; i < 3; ++i) EXPECT_EQ(outs[i], run(kernels(), shapes[i], caches[i], 0, shapes[i].tokens)) << i << ", " << threads;
    }
  }
}

// A stored value is the nearest code times its block's scale; what is not finite stays so.
TEST(KvStore, NothingFiniteComesOfInfinity) {
  for (const KernelTable* table : available_kernels()) {
    std::vector<float> x(64, 1.0f);
    x[40] = INFINITY;
    std::vector<uint8_t> k(size_t(kv_head_bytes(KvType::kQ8_0, 64))), v(k.size());
    table->kv_store(KvType::kQ8_0, k.data(), v.data(), x.data(), x.data(), 1, 64, 5);
    const auto scale = [](const std::vector<uint8_t>& part, int block) {
      uint16_t half;
      std::memcpy(&half, &part[size_t(64 * kKvPageTokens + (block * kKvPageTokens + 5) * 2)], 2);
      return half_to_float(half);
    };
    EXPECT_EQ(scale(k, 0), half_to_float(float_to_half(1.0f / 127.0f))) << table->name;
    EXPECT_FALSE(std::isfinite(scale(v, 1))) << table->name;
  }
}

}  // namespace
}  // namespace nibble
