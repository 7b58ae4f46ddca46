// Norms, activations, RoPE, softmax: 16 virtual lanes, one polynomial exp, no libm.
#pragma once
#include "kernels/isa/vocabulary.h"
#include "kernels/kernels.h"

namespace nibble {
namespace {

// body(offset, n): n is 16 for whole vectors, less for the tail.
template <class Body>
NIBBLE_INLINE void for_vectors(int64_t count, const Body& body) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) body(i, 16);
  if (i < count) body(i, int(count - i));
}
NIBBLE_INLINE Isa::F32 load_n(const float* p, int n) { return n == 16 ? Isa::load_f(p) : Isa::load_f(p, n); }
NIBBLE_INLINE void store_n(float* p, Isa::F32 a, int n) { n == 16 ? Isa::store_f(p, a) : Isa::store_f(p, a, n); }

// e^x: x = n ln 2 + r, a degree 6 polynomial in r (relative error below 2e-7). Below -87.3 the result is 0 exactly; above 88.3 it
// saturates near the largest float.
NIBBLE_INLINE Isa::F32 exp_lanes(Isa::F32 x) {
  const Isa::F32 low = Isa::set_f(-87.3365478515625f);
  const Isa::F32 clamped = Isa::min(Isa::max(x, low), Isa::set_f(88.0f));
  const Isa::I32 n = Isa::round_to_int(Isa::mul(clamped, Isa::set_f(1.44269504088896341f)));
  const Isa::F32 k = Isa::to_float(n);
  Isa::F32 r = Isa::fma(k, Isa::set_f(-0.693359375f), clamped);
  r = Isa::fma(k, Isa::set_f(2.12194440e-4f), r);
  Isa::F32 p = Isa::set_f(1.9875691500e-4f);
  p = Isa::fma(p, r, Isa::set_f(1.3981999507e-3f));
  p = Isa::fma(p, r, Isa::set_f(8.3334519073e-3f));
  p = Isa::fma(p, r, Isa::set_f(4.1665795894e-2f));
  p = Isa::fma(p, r, Isa::set_f(1.6666665459e-1f));
  p = Isa::fma(p, r, Isa::set_f(5.0000001201e-1f));
  p = Isa::add(Isa::fma(p, Isa::mul(r, r), r), Isa::set_f(1.0f));
  const Isa::F32 power = Isa::bits_to_float(Isa::shift_left<23>(Isa::add(n, Isa::set_i(127))));
  return Isa::select_less(x, low, Isa::set_f(0.0f), Isa::mul(p, power));
}

// 1 / (1 + e^-x)
NIBBLE_INLINE Isa::F32 sigmoid_lanes(Isa::F32 x) {
  const Isa::F32 one = Isa::set_f(1.0f);
  return Isa::div(one, Isa::add(one, exp_lanes(Isa::sub(Isa::set_f(0.0f), x))));
}

// tanh: an odd polynomial near zero, else through e^2x.
NIBBLE_INLINE Isa::F32 tanh_lanes(Isa::F32 x) {
  const Isa::F32 square = Isa::mul(x, x);
  Isa::F32 p = Isa::set_f(-5.70498872745e-3f);
  p = Isa::fma(p, square, Isa::set_f(2.06390887954e-2f));
  p = Isa::fma(p, square, Isa::set_f(-5.37397155531e-2f));
  p = Isa::fma(p, square, Isa::set_f(1.33314422036e-1f));
  p = Isa::fma(p, square, Isa::set_f(-3.33332819422e-1f));
  const Isa::F32 small = Isa::fma(Isa::mul(p, square), x, x);
  const Isa::F32 one = Isa::set_f(1.0f), two = Isa::set_f(2.0f);
  const Isa::F32 large = Isa::sub(one, Isa::div(two, Isa::add(exp_lanes(Isa::mul(two, x)), one)));
  return Isa::select_less(Isa::abs(x), Isa::set_f(0.625f), small, large);
}

NIBBLE_INLINE float sum_of_squares(const float* x, int64_t n) {
  Isa::F32 acc = Isa::set_f(0);
  for_vectors(n, [&](int64_t i, int lanes) {
    const Isa::F32 v = load_n(x + i, lanes);
    acc = Isa::fma(v, v, acc);
  });
  return Isa::reduce_add(acc);
}

void rms_norm(float* out, const float* x, const float* weight, int64_t n, float eps) {
  const float mean = sum_of_squares(x, n) / float(n);
  const Isa::F32 scale = Isa::set_f(1.0f / __builtin_sqrtf(mean + eps));
  for_vectors(n, [&](int64_t i, int lanes) {
    Isa::F32 v = Isa::mul(load_n(x + i, lanes), scale);
    if (weight) v = Isa::mul(v, load_n(weight + i, lanes));
    store_n(out + i, v, lanes);
  });
}

void layer_norm(float* out, const float* x, const float* weight, const float* bias, int64_t n, float eps) {
  Isa::F32 acc = Isa::set_f(0);
  for_vectors(n, [&](int64_t i, int lanes) { acc = Isa::add(acc, load_n(x + i, lanes)); });
  const Isa::F32 mean = Isa::set_f(Isa::reduce_add(acc) / float(n));
  for_vectors(n, [&](int64_t i, int lanes) { store_n(out + i, Isa::sub(load_n(x + i, lanes), mean), lanes); });
  const float variance = sum_of_squares(out, n) / float(n);
  const Isa::F32 scale = Isa::set_f(1.0f / __builtin_sqrtf(variance + eps));
  for_vectors(n, [&](int64_t i, int lanes) {
    Isa::F32 v = Isa::mul(load_n(out + i, lanes), scale);
    if (weight) v = Isa::mul(v, load_n(weight + i, lanes));
    if (bias) v = Isa::add(v, load_n(bias + i, lanes));
    store_n(out + i, v, lanes);
  });
}

void add(float* out, const float* a, const float* b, int64_t n) {
  for_vectors(n, [&](int64_t i, int lanes) { store_n(out + i, Isa::add(load_n(a + i, lanes), load_n(b + i, lanes)), lanes); });
}

void scale(float* x, float factor, int64_t n) {
  for_vectors(n, [&](int64_t i, int lanes) { store_n(x + i, Isa::mul(load_n(x + i, lanes), Isa::set_f(factor)), lanes); });
}

void scale_add(float* out, const float* a, const float* b, float factor, int64_t n) {
  for_vectors(n, [&](int64_t i, int lanes) {
    store_n(out + i, Isa::fma(Isa::set_f(factor), load_n(b + i, lanes), load_n(a + i, lanes)), lanes);
  });
}

void softcap(float* x, float cap, int64_t n) {
  const Isa::F32 c = Isa::set_f(cap);
  for_vectors(n, [&](int64_t i, int lanes) {
    store_n(x + i, Isa::mul(c, tanh_lanes(Isa::div(load_n(x + i, lanes), c))), lanes);
  });
}

NIBBLE_INLINE Isa::F32 activate(Activation activation, Isa::F32 x) {
  switch (activation) {
    case Activation::kSilu: return Isa::mul(x, sigmoid_lanes(x));
    case Activation::kGelu: {  // x/2 (1 + tanh u) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3)
      const Isa::F32 cube = Isa::mul(Isa::mul(x, x), x);
      const Isa::F32 u = Isa::mul(Isa::set_f(1.5957691216057308f), Isa::fma(Isa::set_f(0.044715f), cube, x));
      return Isa::mul(x, sigmoid_lanes(u));
    }
    case Activation::kReluSquared: {
      const Isa::F32 positive = Isa::max(x, Isa::set_f(0.0f));
      return Isa::mul(positive, positive);
    }
  }
  return x;
}

void gated(Activation activation, float* out, const float* gate, const float* up, int64_t n) {
  for_vectors(n, [&](int64_t i, int lanes) {
    store_n(out + i, Isa::mul(activate(activation, load_n(gate + i, lanes)), load_n(up + i, lanes)), lanes);
  });
}

void rope(RopeKind kind, float* x, int heads, int head_dim, int rotated_dim, const float* cos, const float* sin) {
  const int half = rotated_dim / 2;
  for (int h = 0; h < heads; ++h, x += head_dim) {
    if (kind == RopeKind::kHalves) {
      for_vectors(half, [&](int64_t i, int lanes) {
        const Isa::F32 a = load_n(x + i, lanes), b = load_n(x + half + i, lanes);
        const Isa::F32 c = load_n(cos + i, lanes), s = load_n(sin + i, lanes);
        const Isa::F32 zero = Isa::set_f(0);
        store_n(x + i, Isa::fma(a, c, Isa::sub(zero, Isa::mul(b, s))), lanes);
        store_n(x + half + i, Isa::fma(b, c, Isa::mul(a, s)), lanes);
      });
    } else if (kind == RopeKind::kAdjacentPairs) {
      for (int i = 0; i < half; ++i) {  // the same arithmetic, lane by lane
        const float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = __builtin_fmaf(a, cos[i], 0.0f - b * sin[i]);
        x[2 * i + 1] = __builtin_fmaf(b, cos[i], a * sin[i]);
      }
    }
  }
}

float max(const float* x, int64_t n) {
  Isa::F32 acc = Isa::set_f(-__builtin_inff());
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) acc = Isa::max(acc, Isa::load_f(x + i));
  float best = Isa::reduce_max(acc);
  for (; i < n; ++i) best = best > x[i] ? best : x[i];
  return best;
}

// x = e^(x - max), zero beyond n; returns the sum.
NIBBLE_INLINE float exp_and_sum(float* x, int64_t n, float maximum) {
  Isa::F32 acc = Isa::set_f(0);
  for_vectors(n, [&](int64_t i, int lanes) {
    store_n(x + i, exp_lanes(Isa::sub(load_n(x + i, lanes), Isa::set_f(maximum))), lanes);
    acc = Isa::add(acc, load_n(x + i, lanes));
  });
  return Isa::reduce_add(acc);
}

// ln of a positive normal float, for softmax's return value: not on the way to a logit, but the same everywhere.
NIBBLE_INLINE float log_positive(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  int exponent = int(bits >> 23) - 127;
  float m = __builtin_bit_cast(float, (bits & 0x7FFFFFu) | 0x3F800000u);
  if (m > 1.41421356f) m *= 0.5f, ++exponent;
  const double t = (double(m) - 1.0) / (double(m) + 1.0), s = t * t;  // ln m = 2 atanh t
  const double series = 2.0 * t * (1.0 + s * (1.0 / 3 + s * (1.0 / 5 + s * (1.0 / 7 + s * (1.0 / 9 + s * (1.0 / 11))))));
  return float(series + exponent * 0.69314718055994530942);
}

float softmax(float* x, int64_t n) {
  const float maximum = max(x, n);
  const float sum = exp_and_sum(x, n, maximum);
  scale(x, 1.0f / sum, n);
  return log_positive(sum) + maximum;
}

}  // namespace
}  // namespace nibble
