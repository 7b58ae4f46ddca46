#include "support/naive_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/half.h"

namespace nibble {
namespace {

float load(FormatId format, const uint8_t* row, int64_t i) {
  uint32_t bits = 0;
  const size_t size = format == FormatId::kF32 ? 4 : 2;
  std::memcpy(&bits, row + size_t(i) * size, size);
  if (format == FormatId::kF16) return half_to_float(uint16_t(bits));
  if (format == FormatId::kBF16) return bfloat16_to_float(uint16_t(bits));
  return __builtin_bit_cast(float, bits);
}

template <FormatId kFormat>
void matmul(const MatmulArgs& args) {
  for (int c = 0; c < args.columns; ++c)
    for (int64_t r = args.row_begin; r < args.row_end; ++r) {
      double sum = 0;
      for (int64_t i = 0; i < args.length; ++i)
        sum += double(load(kFormat, args.weights + size_t(r) * args.row_bytes, i)) *
               double(args.x[c * args.x_stride + i]);
      args.out[c * args.out_stride + r] = float(sum);
    }
}

void rms_norm(float* out, const float* x, const float* weight, int64_t n, float eps) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += double(x[i]) * double(x[i]);
  const double factor = 1 / std::sqrt(sum / double(n) + double(eps));
  for (int64_t i = 0; i < n; ++i) out[i] = float(double(x[i]) * factor * (weight ? double(weight[i]) : 1));
}

void add(float* out, const float* a, const float* b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}
void scale(float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}
void scale_add(float* out, const float* a, const float* b, float factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + factor * b[i];
}
void softcap(float* x, float cap, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = float(double(cap) * std::tanh(double(x[i]) / double(cap)));
}

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kReluSquared:
      break;
  }
  return x > 0 ? x * x : 0;
}
void gated(Activation activation, float* out, const float* gate, const float* up, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = float(activate(activation, double(gate[i])) * double(up[i]));
}

void rope(RopeKind kind, float* x, int heads, int head_dim, int rotated_dim, const float* cos,
          const float* sin) {
  const int half = rotated_dim / 2;
  for (int h = 0; h < heads; ++h)
    for (int i = 0; i < half; ++i) {
      float& a = x[h * head_dim + (kind == RopeKind::kHalves ? i : 2 * i)];
      float& b = x[h * head_dim + (kind == RopeKind::kHalves ? i + half : 2 * i + 1)];
      const float turned = a * cos[i] - b * sin[i];
      b = b * cos[i] + a * sin[i];
      a = turned;
    }
}

// f16 only.
void kv_store(KvType, uint8_t* k_bytes, uint8_t* v_bytes, const float* k, const float* v, int kv_heads, int head_dim,
              int slot) {
  auto *const k_page = reinterpret_cast<uint16_t*>(k_bytes), *const v_page = reinterpret_cast<uint16_t*>(v_bytes);
  for (int h = 0; h < kv_heads; ++h)
    for (int d = 0; d < head_dim; ++d) {
      k_page[(h * head_dim + d) * kKvPageTokens + slot] = float_to_half(k[h * head_dim + d]);
      v_page[(h * kKvPageTokens + slot) * head_dim + d] = float_to_half(v[h * head_dim + d]);
    }
}

void attend(const AttentionArgs& args, int token, int head) {
  const int dim = args.head_dim;
  const float* const q = args.q + token * args.q_stride + head * dim;
  float* const out = args.out + token * args.out_stride + head * dim;
  const int64_t last = args.first_position + token;
  const int64_t first = args.window > 0 ? std::max<int64_t>(0, last - args.window + 1) : 0;
  std::vector<double> weights, sums(size_t(dim), 0.0);
  for (int64_t p = first; p <= last; ++p) {
    const uint16_t* const page = reinterpret_cast<const uint16_t*>(args.k_pages[p / kKvPageTokens]) + head / (args.heads / args.kv_heads) * dim * kKvPageTokens;
    double score = 0;
    for (int d = 0; d < dim; ++d)
      score += double(q[d]) * double(half_to_float(page[d * kKvPageTokens + p % kKvPageTokens]));
    score *= double(args.scale);
    if (args.softcap > 0) score = double(args.softcap) * std::tanh(score / double(args.softcap));
    weights.push_back(score);
  }
  double maximum = *std::ranges::max_element(weights), total = 0;
  if (args.sinks)
    maximum = std::max(maximum, double(args.sinks[head])),
    total = std::exp(double(args.sinks[head]) - maximum);
  for (double& weight : weights) total += weight = std::exp(weight - maximum);
  for (int64_t p = first; p <= last; ++p) {
    const uint16_t* const page = reinterpret_cast<const uint16_t*>(args.v_pages[p / kKvPageTokens]) + head / (args.heads / args.kv_heads) * dim * kKvPageTokens;
    for (int d = 0; d < dim; ++d)
      sums[size_t(d)] +=
          weights[size_t(p - first)] * double(half_to_float(page[(p % kKvPageTokens) * dim + d]));
  }
  for (int d = 0; d < dim; ++d) out[d] = float(sums[size_t(d)] / total);
}

void attention(const AttentionArgs& args) {
  const int group = args.heads / args.kv_heads;
  for (int token = args.token_begin; token < args.token_end; ++token)
    for (int head = args.kv_head_begin * group; head < args.kv_head_end * group; ++head)
      attend(args, token, head);
}

float maximum_of(const float* x, int64_t n) { return *std::max_element(x, x + n); }

}  // namespace

const KernelTable& naive_kernels() {
  static const KernelTable table = [] {
    KernelTable t{};
    t.name = "naive";
    t.matmul[format_index(FormatId::kF32)] = matmul<FormatId::kF32>;
    t.matmul[format_index(FormatId::kF16)] = matmul<FormatId::kF16>;
    t.matmul[format_index(FormatId::kBF16)] = matmul<FormatId::kBF16>;
    t.rms_norm = rms_norm;
    t.add = add;
    t.scale = scale;
    t.scale_add = scale_add;
    t.softcap = softcap;
    t.gated = gated;
    t.rope = rope;
    t.kv_store = kv_store;
    t.attention = attention;
    t.max = maximum_of;
    return t;
  }();
  return table;
}

}  // namespace nibble
