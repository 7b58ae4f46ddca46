// What the encoders compute with: sixteen blocks side by side, one a lane, so that searches need no sums
// across lanes. Every operation is a single exactly rounded one (no fused multiply-add), so the bytes are the
// same on every ISA.
#pragma once
#include <cstdint>

#include "formats/quant_formats.h"

namespace nibble {
namespace {

// Without vector registers each operation is a loop: as functions they compile in seconds instead of minutes.
#if defined(__AVX2__) || defined(__ARM_NEON)
#define NIBBLE_LANES NIBBLE_INLINE
#else
#define NIBBLE_LANES inline __attribute__((noinline))
#endif

struct Lanes {
  Isa::F32 v;
};
NIBBLE_LANES Lanes splat(float x) { return {Isa::set_f(x)}; }
NIBBLE_LANES Lanes operator+(Lanes a, Lanes b) { return {Isa::add(a.v, b.v)}; }
NIBBLE_LANES Lanes operator-(Lanes a, Lanes b) { return {Isa::sub(a.v, b.v)}; }
NIBBLE_LANES Lanes operator*(Lanes a, Lanes b) { return {Isa::mul(a.v, b.v)}; }
NIBBLE_LANES Lanes operator/(Lanes a, Lanes b) { return {Isa::div(a.v, b.v)}; }
NIBBLE_LANES Lanes lower(Lanes a, Lanes b) { return {Isa::min(a.v, b.v)}; }
NIBBLE_LANES Lanes higher(Lanes a, Lanes b) { return {Isa::max(a.v, b.v)}; }
NIBBLE_LANES Lanes magnitude(Lanes a) { return {Isa::abs(a.v)}; }
// Per lane: a < b ? x : y.
NIBBLE_LANES Lanes if_less(Lanes a, Lanes b, Lanes x, Lanes y) {
  return {Isa::select_less(a.v, b.v, x.v, y.v)};
}
NIBBLE_LANES Lanes clamp(Lanes a, float low, float high) { return lower(higher(a, splat(low)), splat(high)); }
// To the nearest integer, ties to even; |a| < 2^22.
NIBBLE_LANES Lanes rounded(Lanes a) { return (a + splat(12582912.0f)) - splat(12582912.0f); }
// 1 / a, and 0 where a is zero or so small that the quotient would not be finite.
NIBBLE_LANES Lanes inverse(Lanes a) { return if_less(magnitude(a), splat(1e-37f), splat(0), splat(1) / a); }

// To the nearest half float that is finite.
NIBBLE_INLINE Lanes as_half(Lanes a, uint16_t* bits) {
  Isa::store_half(bits, clamp(a, -65504.0f, 65504.0f).v);
  return {Isa::load_half(bits)};
}

// Sum and maximum over each group of kGroup neighbouring lanes, in every lane of the group.
template <int kGroup>
NIBBLE_INLINE Lanes group_sum(Lanes a) {
  float lanes[16];
  Isa::store_f(lanes, a.v);
  for (int first = 0; first < 16; first += kGroup) {
    float sum = 0;
    for (int i = 0; i < kGroup; ++i) sum += lanes[first + i];
    for (int i = 0; i < kGroup; ++i) lanes[first + i] = sum;
  }
  return {Isa::load_f(lanes)};
}
template <int kGroup>
NIBBLE_INLINE Lanes group_max(Lanes a) {
  float lanes[16];
  Isa::store_f(lanes, a.v);
  for (int first = 0; first < 16; first += kGroup) {
    float most = lanes[first];
    for (int i = 1; i < kGroup; ++i) most = lanes[first + i] > most ? lanes[first + i] : most;
    for (int i = 0; i < kGroup; ++i) lanes[first + i] = most;
  }
  return {Isa::load_f(lanes)};
}

// Sixteen blocks of N values: value j of all blocks in x[j]; w likewise holds the weights of the squared
// errors (all one when kWeighted is false, and then not stored).
template <int N, bool kWeighted>
struct Tile {
  static constexpr int kLength = N;
  Lanes x[N];
  Lanes w[kWeighted ? N : 1];

  NIBBLE_INLINE Lanes weighted(int j, Lanes a) const {
    if constexpr (kWeighted) return w[j] * a;
    return a;
  }
};

template <int N>
NIBBLE_INLINE void load_lanes(const float* values, int blocks, Lanes* out) {
  float lanes[N * 16];
  for (int b = 0; b < 16; ++b)
    for (int j = 0; j < N; ++j) lanes[j * 16 + b] = b < blocks ? values[b * N + j] : 0.0f;
  for (int j = 0; j < N; ++j) out[j] = {Isa::load_f(lanes + j * 16)};
}

// `blocks` of the sixteen are there, the rest are zeros. Blocks without any weight get equal ones.
template <int N, bool kWeighted>
NIBBLE_INLINE void load_tile(const float* values, const float* weights, int blocks,
                             Tile<N, kWeighted>& tile) {
  load_lanes<N>(values, blocks, tile.x);
  if constexpr (kWeighted) {
    load_lanes<N>(weights, blocks, tile.w);
    Lanes sum = splat(0);
    for (int j = 0; j < N; ++j) sum = sum + tile.w[j];
    // A trace of weight everywhere: values nobody measured are still to be kept near.
    const Lanes trace = if_less(sum, splat(1e-30f), splat(1), sum * splat(1e-6f / N));
    for (int j = 0; j < N; ++j) tile.w[j] = tile.w[j] + trace;
  }
}

NIBBLE_INLINE void store_codes(Lanes q, uint8_t* out) {
  Isa::store_i8(reinterpret_cast<int8_t*>(out), Isa::round_to_int(q.v));
}

}  // namespace
}  // namespace nibble
