// Inside of the reference codecs: one decode and one encode per block struct, and the scale search they
// share. Searches that spend more time for a better fit are in transform/.
#pragma once
#include <algorithm>
#include <cmath>
#include <span>

#include "base/half.h"
#include "formats/quant_formats.h"

namespace nibble {

// values: block_values floats. importance: as many weights, or nullptr for equal ones.
#define NIBBLE_BLOCK_CODEC(NAME)                              \
  void decode_block(const Block##NAME& block, float* values); \
  void encode_block(const float* values, const float* importance, Block##NAME& block)
NIBBLE_BLOCK_CODEC(Q4_0);
NIBBLE_BLOCK_CODEC(Q4_1);
NIBBLE_BLOCK_CODEC(Q5_0);
NIBBLE_BLOCK_CODEC(Q5_1);
NIBBLE_BLOCK_CODEC(Q8_0);
NIBBLE_BLOCK_CODEC(Q2_K);
NIBBLE_BLOCK_CODEC(Q3_K);
NIBBLE_BLOCK_CODEC(Q4_K);
NIBBLE_BLOCK_CODEC(Q5_K);
NIBBLE_BLOCK_CODEC(Q6_K);
NIBBLE_BLOCK_CODEC(Q8_K);
NIBBLE_BLOCK_CODEC(IQ4_NL);
NIBBLE_BLOCK_CODEC(IQ4_XS);
NIBBLE_BLOCK_CODEC(MXFP4);
NIBBLE_BLOCK_CODEC(TQ1_0);
NIBBLE_BLOCK_CODEC(TQ2_0);
#undef NIBBLE_BLOCK_CODEC

// A whole tensor: its scale stands after the last block.
void decode_i2_s(const std::byte* in, float* out, uint64_t values);
void encode_i2_s(const float* values, const float* importance, std::byte* out, uint64_t count);

// Nearest integer (halves away from zero) within [low, high]; any float, NaN included, gives a code in range.
inline int to_code(float value, int low, int high) {
  if (!(value > float(low))) return low;
  if (value >= float(high)) return high;
  return int(std::lround(value));
}

// A scale as stored; finite values never give an infinite one.
inline uint16_t to_half_scale(float scale) { return float_to_half(std::clamp(scale, -65504.0f, 65504.0f)); }

inline float weight(const float* importance, int i) { return importance ? importance[i] : 1.0f; }
inline const float* at(const float* importance, int i) { return importance ? importance + i : nullptr; }

// 1/scale, or 0 where there is nothing to divide by.
inline float inverse(float scale) {
  const float out = scale != 0 ? 1.0f / scale : 0.0f;
  return std::isfinite(out) ? out : 0.0f;
}

// Index of the codebook's value nearest to v; the first of equals.
inline int nearest_index(const int8_t (&codebook)[16], float v) {
  int best = 0;
  for (int i = 1; i < 16; ++i)
    if (std::abs(float(codebook[i]) - v) < std::abs(float(codebook[best]) - v)) best = i;
  return best;
}

// The value of greatest magnitude, with its sign.
inline float extreme(const float* values, int count) {
  float out = 0;
  for (int i = 0; i < count; ++i)
    if (std::abs(values[i]) > std::abs(out)) out = values[i];
  return out;
}

// Scale d of the least weighted square error sum of (x - d*q)^2, where nearest(x/d) gives the code value q as
// a float: tries scales that put the extreme value on, and around, the code `anchor`, each followed by the
// least-squares scale.
template <class Nearest>
float fit_scale(const float* values, const float* importance, int count, float anchor, Nearest nearest) {
  const float extreme_value = extreme(values, count);
  if (extreme_value == 0) return 0;
  float best_scale = 0;
  double best_gain = 0;
  for (int step = -9; step <= 9; ++step) {
    const float inverse_scale = anchor * (1.0f + 0.0125f * float(step)) / extreme_value;
    if (!std::isfinite(inverse_scale)) continue;
    double xq = 0, qq = 0;
    for (int i = 0; i < count; ++i) {
      const double q = nearest(inverse_scale * values[i]), w = weight(importance, i);
      xq += w * q * values[i];
      qq += w * q * q;
    }
    // The error is sum(x^2) - xq^2/qq at the best scale xq/qq.
    const double gain = qq > 0 ? xq * xq / qq : 0;
    if (gain > best_gain) {
      best_gain = gain;
      best_scale = float(xq / qq);
    }
  }
  return best_scale != 0 ? best_scale : extreme_value / anchor;
}

struct ScaleAndMin {
  float scale = 0, min = 0;
};
// x = scale*q - min with q in 0..max_code: the same search with an offset. With `positive_min` min is at
// least 0.
ScaleAndMin fit_scale_and_min(const float* values, const float* importance, int count, int max_code,
                              bool positive_min);

}  // namespace nibble
