// Activations to int8, and rows of any format to floats.
#pragma once
#include "kernels/algo/elementwise.inl.h"

namespace nibble {
namespace {

NIBBLE_INLINE float amax(const float* x, int64_t n) {  // n a multiple of 16
  Isa::F32 acc = Isa::set_f(0);
  for (int64_t i = 0; i < n; i += 16) acc = Isa::max(Isa::abs(Isa::load_f(x + i)), acc);
  return Isa::reduce_max(acc);
}

// One group of n values (a multiple of 32, or what is left of the column): code = round(x * 127 / max|x|).
NIBBLE_INLINE float quantize_group(const float* x, int64_t n, float maximum, int8_t* codes, int16_t* sums16) {
  const Isa::F32 inverse = Isa::set_f(maximum > 0 ? 127.0f / maximum : 0.0f);
  for (int64_t i = 0; i < n; i += 16) {
    const Isa::I32 q = Isa::round_to_int(Isa::mul(Isa::load_f(x + i), inverse));
    Isa::store_i8(codes + i, q);
    sums16[i / 16] = int16_t(Isa::reduce_add(q));
  }
  return maximum / 127.0f;
}

void quantize_column(ActivationKind kind, const float* x, int64_t length, int8_t* codes, float* scales, int16_t* sums16, int16_t* sums32) {
  const int64_t padded = padded_column(length);
  const int64_t group = kind == ActivationKind::kPer32 ? 32 : kind == ActivationKind::kPer256 ? 256 : length;
  for (int64_t i = 0, g = 0; i < length; i += group, ++g) {
    const int64_t n = length - i < group ? length - i : group;
    float maximum = amax(x + i, n);
    if (kind == ActivationKind::kPerRow) maximum = maximum > 1e-5f ? maximum : 1e-5f;
    scales[g] = quantize_group(x + i, n, maximum, codes + i, sums16 + i / 16);
  }
  for (int64_t i = length; i < padded; ++i) codes[i] = 0;
  for (int64_t i = length / 16; i < padded / 16; ++i) sums16[i] = 0;
  for (int64_t i = 0; i < padded / 32; ++i) sums32[i] = int16_t(sums16[2 * i] + sums16[2 * i + 1]);
}

}  // namespace
}  // namespace nibble
