// Elementwise kernels: the same bits on every ISA at every length, and close to double-precision formulas.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "kernels/kernels.h"

namespace nibble {
namespace {

std::vector<float> random_values(int64_t n, float deviation, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = normal(random);
  return x;
}

using Operation = std::function<void(const KernelTable&, std::vector<float>& out, const std::vector<float>& a, const std::vector<float>& b)>;

struct Case {
  const char* name;
  Operation operation;
  std::function<double(double, double)> exact;  // per element, or empty
};

const Case kCases[] = {
    {"add", [](auto& t, auto& o, auto& a, auto& b) { t.add(o.data(), a.data(), b.data(), int64_t(a.size())); },
     [](double a, double b) { return a + b; }},
    {"scale_add", [](auto& t, auto& o, auto& a, auto& b) { t.scale_add(o.data(), a.data(), b.data(), 0.7f, int64_t(a.size())); },
     [](double a, double b) { return a + double(0.7f) * b; }},
    {"silu", [](auto& t, auto& o, auto& a, auto& b) { t.gated(Activation::kSilu, o.data(), a.data(), b.data(), int64_t(a.size())); },
     [](double a, double b) { return a / (1 + std::exp(-a)) * b; }},
    {"gelu", [](auto& t, auto& o, auto& a, auto& b) { t.gated(Activation::kGelu, o.data(), a.data(), b.data(), int64_t(a.size())); },
     [](double a, double b) { return 0.5 * a * (1 + std::tanh(0.7978845608028654 * (a + 0.044715 * a * a * a))) * b; }},
    {"relu_squared",
     [](auto& t, auto& o, auto& a, auto& b) { t.gated(Activation::kReluSquared, o.data(), a.data(), b.data(), int64_t(a.size())); },
     [](double a, double b) { return a > 0 ? a * a * b : 0; }},
    {"softcap", [](auto& t, auto& o, auto& a, auto&) { o = a; t.softcap(o.data(), 5.0f, int64_t(a.size())); },
     [](double a, double) { return 5 * std::tanh(a / 5); }},
    {"rms_norm", [](auto& t, auto& o, auto& a, auto& b) { t.rms_norm(o.data(), a.data(), b.data(), int64_t(a.size()), 1e-5f); }, {}},
    {"rms_norm_plain", [](auto& t, auto& o, auto& a, auto&) { t.rms_norm(o.data(), a.data(), nullptr, int64_t(a.size()), 1e-5f); }, {}},
    {"layer_norm", [](auto& t, auto& o, auto& a, auto& b) { t.layer_norm(o.data(), a.data(), b.data(), a.data(), int64_t(a.size()), 1e-5f); }, {}},
    {"softmax", [](auto& t, auto& o, auto& a, auto&) { o = a; o[0] += t.softmax(o.data(), int64_t(a.size())); }, {}},
    {"max", [](auto& t, auto& o, auto& a, auto&) { o[0] = t.max(a.data(), int64_t(a.size())); }, {}},
};

TEST(Elementwise, SameBitsOnEveryIsaAndCloseToTheFormula) {
  for (const Case& c : kCases) {
    for (const int64_t n : {1, 2, 15, 16, 17, 64, 100, 1000}) {
      const std::vector<float> a = random_values(n, 3, 1), b = random_values(n, 1, 2);
      std::vector<float> expected(size_t(n), 0.0f);
      c.operation(**available_kernels().begin(), expected, a, b);
      for (const KernelTable* table : available_kernels()) {
        std::vector<float> out(size_t(n), 0.0f);
        c.operation(*table, out, a, b);
        EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size() * 4), 0) << c.name << " " << table->name << " n " << n;
      }
      if (!c.exact) continue;
      for (size_t i = 0; i < expected.size(); ++i) {
        const double exact = c.exact(a[i], b[i]);
        EXPECT_NEAR(expected[i], exact, 1e-6 * std::fabs(exact) + 2e-7) << c.name << " of " << a[i] << ", " << b[i];
      }
    }
  }
}

TEST(Elementwise, SoftmaxSumsToOneAndReturnsTheLogOfTheSum) {
  for (const int64_t n : {1, 3, 16, 333, 32000}) {
    std::vector<float> x = random_values(n, 4, 5);
    x[0] = -std::numeric_limits<float>::infinity();
    if (n == 1) x[0] = 2.0f;
    double sum = 0;
    for (const float v : x) sum += std::exp(double(v));
    std::vector<float> p = x;
    EXPECT_NEAR(kernels().softmax(p.data(), n), std::log(sum), 1e-5);
    for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], std::exp(double(x[i])) / sum, 1e-6);
    if (n > 1) EXPECT_EQ(p[0], 0.0f);
  }
}

TEST(Elementwise, ActivationsSurviveExtremes) {
  for (const KernelTable* table : available_kernels()) {
    const float gate[4] = {1e30f, -1e30f, 90.0f, -90.0f}, up[4] = {1, 1, 1, 1};
    float out[4];
    table->gated(Activation::kSilu, out, gate, up, 4);
    EXPECT_EQ(out[0], 1e30f);
    EXPECT_NEAR(out[1], 0.0f, 1e-7);
    EXPECT_EQ(out[2], 90.0f);
    EXPECT_NEAR(out[3], 0.0f, 1e-30);
  }
}

TEST(Rope, RotatesPairsAndHalves) {
  const int heads = 3, dim = 40, rotated = 24;
  std::vector<float> cosines, sines;
  for (int i = 0; i < rotated / 2; ++i) cosines.push_back(float(std::cos(0.3 * i))), sines.push_back(float(std::sin(0.3 * i)));
  const std::vector<float> x = random_values(heads * dim, 1, 9);
  for (const RopeKind kind : {RopeKind::kAdjacentPairs, RopeKind::kHalves, RopeKind::kNone}) {
    std::vector<float> first;
    for (const KernelTable* table : available_kernels()) {
      std::vector<float> y = x;
      table->rope(kind, y.data(), heads, dim, rotated, cosines.data(), sines.data());
      if (first.empty()) first = y;
      EXPECT_EQ(y, first) << table->name;
    }
    for (int h = 0; h < heads; ++h)
      for (int i = 0; i < rotated / 2; ++i) {
        const int a = h * dim + (kind == RopeKind::kHalves ? i : 2 * i), b = h * dim + (kind == RopeKind::kHalves ? i + rotated / 2 : 2 * i + 1);
        const double c = kind == RopeKind::kNone ? 1 : std::cos(0.3 * i), s = kind == RopeKind::kNone ? 0 : std::sin(0.3 * i);
        EXPECT_NEAR(first[size_t(a)], x[size_t(a)] * c - x[size_t(b)] * s, 1e-6);
        EXPECT_NEAR(first[size_t(b)], x[size_t(a)] * s + x[size_t(b)] * c, 1e-6);
      }
    for (int h = 0; h < heads; ++h)
      for (int i = rotated; i < dim; ++i) EXPECT_EQ(first[size_t(h * dim + i)], x[size_t(h * dim + i)]);
  }
}

TEST(QuantizeColumn, SameOnEveryIsaAndWithinHalfAStep) {
  for (const ActivationKind kind : {ActivationKind::kPer32, ActivationKind::kPer256, ActivationKind::kPerRow}) {
    for (const int64_t n : {256, 768, 1280}) {
      std::vector<float> x = random_values(n, 2, uint32_t(n));
      std::fill(x.begin() + 32, x.begin() + 64, 0.0f);
      const int64_t padded = padded_column(n);
      std::vector<int8_t> first;
      std::vector<float> first_scales;
      for (const KernelTable* table : available_kernels()) {
        std::vector<int8_t> codes(size_t(padded), 99);
        std::vector<float> scales(size_t(padded / 32));
        std::vector<int16_t> sums16(size_t(padded / 16)), sums32(size_t(padded / 32));
        table->quantize_column(kind, x.data(), n, codes.data(), scales.data(), sums16.data(), sums32.data());
        if (first.empty()) first = codes, first_scales = scales;
        EXPECT_EQ(codes, first) << table->name;
        EXPECT_EQ(scales, first_scales) << table->name;
        for (int64_t i = 0; i < padded; ++i) {
          const float scale = scales[size_t(kind == ActivationKind::kPer32 ? i / 32 : kind == ActivationKind::kPer256 ? i / 256 : 0)];
          if (i < n) EXPECT_LE(std::fabs(x[size_t(i)] - scale * codes[size_t(i)]), 0.5001f * scale);
          else EXPECT_EQ(codes[size_t(i)], 0);
        }
        for (int64_t i = 0; i < padded / 16; ++i) {
          int sum = 0;
          for (int64_t j = 0; j < 16; ++j) sum += codes[size_t(16 * i + j)];
          EXPECT_EQ(sums16[size_t(i)], sum);
        }
        for (int64_t i = 0; i < padded / 32; ++i) EXPECT_EQ(sums32[size_t(i)], sums16[size_t(2 * i)] + sums16[size_t(2 * i + 1)]);
      }
    }
  }
}

}  // namespace
}  // namespace nibble
