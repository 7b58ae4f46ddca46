// Least squares fits of one scale, or a scale and an offset, to sixteen blocks at once. Both alternate: codes
// from the scale by rounding, scale from the codes in closed form; a range of starting scales escapes local
// optima.
#pragma once
#include "kernels/algo/encode_lanes.inl.h"

namespace nibble {
namespace {

// Grids: the values that codes stand for, before the scale. The search tries scales that map the block's
// largest value to kFrom, kFrom + kStep, ... kTo and, on an asymmetric grid, to their negatives kNegativeFrom
// ... too.
template <int kLow, int kHigh>
struct IntegerGrid {
  static NIBBLE_INLINE Lanes nearest(Lanes t) { return rounded(clamp(t, kLow, kHigh)); }
};
struct GridQ4_0 : IntegerGrid<-8, 7> {
  static constexpr float kTargets[] = {-9.2f, -8.9f, -8.6f, -8.3f, -8.1f, -7.9f, -7.7f, -7.5f,
                                       -7.3f, -7.1f, -6.9f, -6.7f, -6.5f, -6.2f, -5.9f, 8.0f,
                                       7.7f,  7.4f,  7.2f,  7.0f,  6.8f,  6.6f,  6.3f};
};
struct GridQ5_0 : IntegerGrid<-16, 15> {
  static constexpr float kTargets[] = {-17.0f, -16.7f, -16.4f, -16.1f, -15.9f, -15.7f, -15.5f,
                                       -15.3f, -15.1f, -14.9f, -14.7f, -14.5f, -14.2f, -13.9f,
                                       -13.6f, -13.2f, 15.6f,  15.3f,  15.0f,  14.7f,  14.4f};
};
struct GridQ8_0 : IntegerGrid<-127, 127> {
  static constexpr float kTargets[] = {127.4f, 127.0f, 126.6f, 126.2f, 125.8f, 125.4f, 125.0f, 124.6f,
                                       124.2f, 123.8f, 123.4f, 123.0f, 122.4f, 121.8f, 121.2f, 120.6f};
};
struct GridQ3_K : IntegerGrid<-4, 3> {
  static constexpr float kTargets[] = {-4.8f, -4.5f, -4.3f, -4.1f, -3.9f, -3.7f, -3.5f, -3.3f, -3.1f, -2.9f,
                                       -2.7f, -2.5f, 3.7f,  3.4f,  3.1f,  2.9f,  2.7f,  2.5f,  2.3f};
};
struct GridQ6_K : IntegerGrid<-32, 31> {
  static constexpr float kTargets[] = {-32.4f, -32.1f, -31.8f, -31.5f, -31.2f, -30.9f, -30.6f,
                                       -30.3f, -30.0f, -29.7f, -29.4f, -29.0f, -28.6f, -28.2f,
                                       -27.8f, 31.4f,  31.1f,  30.8f,  30.4f,  30.0f};
};
struct GridIQ4 {
  static constexpr float kTargets[] = {-140, -134, -129, -125, -121, -117, -112, -106,
                                       -99,  -92,  125,  120,  115,  110,  104,  97};
  static NIBBLE_INLINE Lanes nearest(Lanes t) {
    Lanes value = splat(kIQ4Codebook[0]);
    for (int k = 1; k < 16; ++k) {
      const float middle = 0.5f * float(kIQ4Codebook[k - 1] + kIQ4Codebook[k]);
      value = if_less(t, splat(middle), value, splat(kIQ4Codebook[k]));
    }
    return value;
  }
};
struct GridMXFP4 {
  static NIBBLE_INLINE Lanes nearest(Lanes t) {
    const Lanes size = magnitude(t);
    Lanes value = splat(kMXFP4Codebook[0]);
    for (int k = 1; k < 8; ++k) {
      const float middle = 0.5f * float(kMXFP4Codebook[k - 1] + kMXFP4Codebook[k]);
      value = if_less(size, splat(middle), value, splat(kMXFP4Codebook[k]));
    }
    return if_less(t, splat(0), splat(0) - value, value);
  }
};

struct ScaleFit {
  Lanes scale, qq;  // and the sum of w q^2: how sharply the error rises around the scale
};

// Sums of w x q and w q^2 with the codes of 1 / scale = `inv`.
template <class Grid, int N, bool kWeighted>
NIBBLE_INLINE void scale_sums(const Tile<N, kWeighted>& tile, Lanes inv, Lanes& xq, Lanes& qq) {
  xq = splat(0), qq = splat(0);
  for (int j = 0; j < N; ++j) {
    const Lanes q = Grid::nearest(tile.x[j] * inv);
    const Lanes wq = tile.weighted(j, q);
    xq = xq + wq * tile.x[j];
    qq = qq + wq * q;
  }
}

// Minimises sum w (x - scale * q)^2 over the scale and codes of the grid.
template <class Grid, int N, bool kWeighted>
NIBBLE_INLINE ScaleFit fit_scale(const Tile<N, kWeighted>& tile) {
  Lanes extreme = splat(0);
  for (int j = 0; j < N; ++j) extreme = if_less(magnitude(extreme), magnitude(tile.x[j]), tile.x[j], extreme);
  const Lanes unit = inverse(extreme);
  ScaleFit best{splat(0), splat(0)};
  Lanes best_gain = splat(0);  // what the fit takes off sum w x^2
  const auto consider = [&](Lanes inv) {
    Lanes xq, qq;
    scale_sums<Grid>(tile, inv, xq, qq);
    const Lanes scale = xq * inverse(qq), gain = scale * xq;
    best.scale = if_less(best_gain, gain, scale, best.scale);
    best.qq = if_less(best_gain, gain, qq, best.qq);
    best_gain = higher(best_gain, gain);
  };
  for (const float target : Grid::kTargets) consider(unit * splat(target));
  for (int round = 0; round < 2; ++round) consider(inverse(best.scale));
  return best;
}

struct AffineFit {
  Lanes scale, offset;  // x ~ scale * q + offset
  Lanes qq, q, one;     // sums of w q^2, w q, w at the best codes
};

// The best scale and offset for given sums over y = x - low, with the offset of x at most zero where
// kNonPositive. Returns what the fit takes off sum w y^2.
template <bool kNonPositive>
NIBBLE_INLINE Lanes solve_affine(Lanes yq, Lanes qq, Lanes q, Lanes y, Lanes one, Lanes low, Lanes& scale,
                                 Lanes& offset) {
  const Lanes determinant = one * qq - q * q, inv = inverse(determinant);
  scale = (one * yq - q * y) * inv;
  offset = (qq * y - q * yq) * inv;
  if constexpr (kNonPositive) {
    const Lanes bound = splat(0) - low;  // offset + low <= 0
    const Lanes bounded_scale = (yq - bound * q) * inverse(qq);
    // All codes alike leave one unknown: the scale, at the highest offset.
    const Lanes flat = splat(1e-6f) * one * qq;
    scale = if_less(bound, offset, bounded_scale, if_less(determinant, flat, bounded_scale, scale));
    offset = if_less(determinant, flat, bound, lower(offset, bound));
  }
  const Lanes two = splat(2);
  return scale * (two * yq - scale * qq) + offset * (two * y - offset * one) - two * scale * offset * q;
}

// Minimises sum w (x - scale * q - offset)^2, q in 0 .. kMaxCode.
template <int kMaxCode, int kSteps, bool kNonPositive, int N, bool kWeighted>
NIBBLE_INLINE AffineFit fit_affine(const Tile<N, kWeighted>& tile) {
  Lanes low = tile.x[0], high = tile.x[0];
  for (int j = 1; j < N; ++j) low = lower(low, tile.x[j]), high = higher(high, tile.x[j]);
  if constexpr (kNonPositive) low = lower(low, splat(0));
  Lanes y_sum = splat(0), one = kWeighted ? splat(0) : splat(N);
  for (int j = 0; j < N; ++j) {
    y_sum = y_sum + tile.weighted(j, tile.x[j] - low);
    if constexpr (kWeighted) one = one + tile.w[j];
  }
  AffineFit best{splat(0), low, splat(0), splat(0), one};
  Lanes best_gain = splat(0);
  // Codes from inv = 1 / scale and the offset of x - low.
  const auto consider = [&](Lanes inv, Lanes from) {
    Lanes yq = splat(0), qq = splat(0), q = splat(0);
    for (int j = 0; j < N; ++j) {
      const Lanes y = tile.x[j] - low;
      const Lanes code = rounded(clamp((y - from) * inv, 0, kMaxCode));
      const Lanes wcode = tile.weighted(j, code);
      yq = yq + wcode * y, qq = qq + wcode * code, q = q + wcode;
    }
    Lanes scale, offset;
    const Lanes gain = solve_affine<kNonPositive>(yq, qq, q, y_sum, one, low, scale, offset);
    best.scale = if_less(best_gain, gain, scale, best.scale);
    best.offset = if_less(best_gain, gain, offset + low, best.offset);
    best.qq = if_less(best_gain, gain, qq, best.qq);
    best.q = if_less(best_gain, gain, q, best.q);
    best_gain = higher(best_gain, gain);
  };
  const Lanes unit = inverse(high - low);
  for (int step = 0; step < kSteps; ++step) {
    // From half a code of clipping on either side to somewhat less than the whole range of codes.
    const float span = kMaxCode * (1.25f - 0.45f * float(step) / float(kSteps - 1));
    const Lanes inv = unit * splat(span);
    const Lanes centred = (splat(1) - splat(kMaxCode / span)) * splat(0.5f) * (high - low);
    consider(inv, span > kMaxCode ? centred : splat(0));
  }
  for (int round = 0; round < 2; ++round) consider(inverse(best.scale), best.offset - low);
  // A scale that is not positive means a constant block.
  best.scale = higher(best.scale, splat(0));
  return best;
}

}  // namespace
}  // namespace nibble
