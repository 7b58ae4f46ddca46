// Superblocks: kGroup neighbouring lanes are the sub-blocks of one, their scales small integers times a half
// float that they share. First each sub-block's own best fit, then the shared scale for which the rounded
// ones lose least by the quadratic around each fit, then by turns the integers of each sub-block and the
// shared scale until the rounds are up.
#pragma once
#include "kernels/algo/encode_fit.inl.h"

namespace nibble {
namespace {

inline constexpr int kSuperRounds = 2;

// The unit for which rounding every `wanted` to a multiple in [kLow, kHigh] costs least, by sum h (wanted -
// multiple)^2.
template <int kGroup, int kLow, int kHigh>
NIBBLE_INLINE Lanes best_unit(Lanes wanted, Lanes h) {
  const Lanes top = group_max<kGroup>(magnitude(wanted));
  Lanes best = splat(0), best_cost = splat(3e38f);
  const auto consider = [&](Lanes unit) {
    const Lanes multiple = rounded(clamp(wanted * inverse(unit), kLow, kHigh)) * unit;
    const Lanes cost = group_sum<kGroup>(h * (wanted - multiple) * (wanted - multiple));
    best = if_less(cost, best_cost, unit, best);
    best_cost = lower(cost, best_cost);
  };
  constexpr int kSteps = 20;
  for (int step = 0; step < kSteps; ++step) {
    // The largest multiple from a little over the limit down to two thirds of it.
    const float largest = kHigh * (1.02f - 0.34f * float(step) / kSteps);
    consider(top / splat(largest));
    if constexpr (kLow < 0) consider(top / splat(-largest * float(-kLow) / float(kHigh)));
  }
  return best;
}

// x ~ unit * scale * q, q on the grid. Integers as floats.
struct SymmetricSuper {
  Lanes unit;  // of the group, a half float
  uint16_t bits[16];
  Lanes scale;  // of the sub-block
};

template <class Grid, int kGroup, int kLow, int kHigh, int N, bool kWeighted>
NIBBLE_INLINE SymmetricSuper fit_symmetric_super(const Tile<N, kWeighted>& tile) {
  const ScaleFit fit = fit_scale<Grid>(tile);
  SymmetricSuper super;
  super.unit = as_half(best_unit<kGroup, kLow, kHigh>(fit.scale, fit.qq), super.bits);
  super.scale = rounded(clamp(fit.scale * inverse(super.unit), kLow, kHigh));
  const auto error_at = [&](Lanes factor, Lanes& xq, Lanes& qq) {
    const Lanes inv = inverse(factor);
    Lanes error = splat(0);
    xq = splat(0), qq = splat(0);
    for (int j = 0; j < N; ++j) {
      const Lanes q = Grid::nearest(tile.x[j] * inv), off = tile.x[j] - factor * q, wq = tile.weighted(j, q);
      error = error + tile.weighted(j, off) * off;
      xq = xq + wq * tile.x[j], qq = qq + wq * q;
    }
    return error;
  };
  for (int round = 0; round < kSuperRounds; ++round) {
    Lanes best_error = splat(3e38f), best_scale = super.scale, xq = splat(0), qq = splat(0);
    for (int step = -1; step <= 1; ++step) {
      Lanes step_xq, step_qq;
      const Lanes scale = clamp(super.scale + splat(float(step)), kLow, kHigh);
      const Lanes error = error_at(super.unit * scale, step_xq, step_qq);
      best_scale = if_less(error, best_error, scale, best_scale);
      xq = if_less(error, best_error, step_xq, xq), qq = if_less(error, best_error, step_qq, qq);
      best_error = lower(error, best_error);
    }
    super.scale = best_scale;
    // The unit that suits these integers and codes, kept where rounding anew confirms it.
    const Lanes numerator = group_sum<kGroup>(best_scale * xq);
    const Lanes denominator = group_sum<kGroup>(best_scale * best_scale * qq);
    uint16_t bits[16];
    const Lanes unit = as_half(numerator * inverse(denominator), bits);
    const Lanes before = group_sum<kGroup>(best_error);
    const Lanes after = group_sum<kGroup>(error_at(unit * best_scale, xq, qq));
    super.unit = if_less(after, before, unit, super.unit);
    super.unit = as_half(super.unit, super.bits);
  }
  return super;
}

// x ~ unit * scale * q - min_unit * min, q in 0 .. kMaxCode, scale and min in 0 .. kMaxScale.
struct AffineSuper {
  Lanes unit, min_unit;
  uint16_t unit_bits[16], min_unit_bits[16];
  Lanes scale, min;
};

// Sums over a sub-block for the best shared units of given integers.
struct AffineSums {
  Lanes error, qq, q, xq, x;
};

template <int kMaxCode, int N, bool kWeighted>
NIBBLE_INLINE AffineSums affine_sums(const Tile<N, kWeighted>& tile, Lanes factor, Lanes offset) {
  const Lanes inv = inverse(factor);
  AffineSums sums{splat(0), splat(0), splat(0), splat(0), splat(0)};
  for (int j = 0; j < N; ++j) {
    const Lanes x = tile.x[j];
    const Lanes q = rounded(clamp((x + offset) * inv, 0, kMaxCode));
    const Lanes off = x + offset - factor * q, wq = tile.weighted(j, q), wx = tile.weighted(j, x);
    sums.error = sums.error + tile.weighted(j, off) * off;
    sums.qq = sums.qq + wq * q, sums.q = sums.q + wq, sums.xq = sums.xq + wq * x, sums.x = sums.x + wx;
  }
  return sums;
}

NIBBLE_INLINE void keep_less(Lanes error, Lanes best, Lanes candidate, Lanes& kept) {
  kept = if_less(error, best, candidate, kept);
}

// Tries the neighbouring integers of every sub-block. For each scale the min that suits it best is near
// min* + (q / 1) * (scale - scale*), with the sums of the own fit.
template <int kMaxCode, int kMaxScale, int N, bool kWeighted>
NIBBLE_INLINE AffineSums improve_integers(const Tile<N, kWeighted>& tile, const AffineFit& fit,
                                          AffineSuper& super) {
  const Lanes slope = fit.q * inverse(fit.one), inv_min_unit = inverse(super.min_unit);
  const Lanes start_scale = super.scale;
  AffineSums best = affine_sums<kMaxCode>(tile, super.unit * super.scale, super.min_unit * super.min);
  for (int step = -1; step <= 1; ++step) {
    const Lanes scale = clamp(start_scale + splat(float(step)), 0, kMaxScale);
    const Lanes min = (slope * (super.unit * scale - fit.scale) - fit.offset) * inv_min_unit;
    const Lanes nearest = rounded(clamp(min, 0, kMaxScale));
    const Lanes other = clamp(nearest + if_less(min, nearest, splat(-1), splat(1)), 0, kMaxScale);
    const Lanes integers[] = {nearest, other};
    for (const Lanes integer : integers) {
      const AffineSums sums = affine_sums<kMaxCode>(tile, super.unit * scale, super.min_unit * integer);
      keep_less(sums.error, best.error, scale, super.scale);
      keep_less(sums.error, best.error, integer, super.min);
      keep_less(sums.error, best.error, sums.qq, best.qq);
      keep_less(sums.error, best.error, sums.q, best.q);
      keep_less(sums.error, best.error, sums.xq, best.xq);
      best.error = lower(sums.error, best.error);
    }
  }
  return best;
}

// Least squares for the two units with integers and codes held, taken where rounding anew confirms it.
template <int kMaxCode, int kGroup, int N, bool kWeighted>
NIBBLE_INLINE void improve_units(const Tile<N, kWeighted>& tile, const AffineSums& sums, Lanes one,
                                 AffineSuper& super) {
  const Lanes aa = group_sum<kGroup>(super.scale * super.scale * sums.qq);
  const Lanes ab = group_sum<kGroup>(super.scale * super.min * sums.q);
  const Lanes bb = group_sum<kGroup>(super.min * super.min * one);
  const Lanes xa = group_sum<kGroup>(super.scale * sums.xq), xb = group_sum<kGroup>(super.min * sums.x);
  const Lanes inv = inverse(aa * bb - ab * ab);
  uint16_t bits[16];
  const Lanes unit = as_half((xa * bb - xb * ab) * inv, bits);
  const Lanes min_unit = as_half((xa * ab - xb * aa) * inv, bits);
  const AffineSums after = affine_sums<kMaxCode>(tile, unit * super.scale, min_unit * super.min);
  const Lanes was = group_sum<kGroup>(sums.error), is = group_sum<kGroup>(after.error);
  // A unit of the other sign would only serve a degenerate group.
  const Lanes valid = if_less(lower(unit, min_unit), splat(0), splat(3e38f), is);
  super.unit = as_half(if_less(valid, was, unit, super.unit), super.unit_bits);
  super.min_unit = as_half(if_less(valid, was, min_unit, super.min_unit), super.min_unit_bits);
}

template <int kMaxCode, int kMaxScale, int kSteps, int kGroup, int N, bool kWeighted>
NIBBLE_INLINE AffineSuper fit_affine_super(const Tile<N, kWeighted>& tile) {
  const AffineFit fit = fit_affine<kMaxCode, kSteps, true>(tile);
  AffineSuper super;
  const Lanes inv_one = inverse(fit.one);
  // The min follows the scale, so only the spread of the codes makes a wrong scale costly.
  const Lanes unit = best_unit<kGroup, 0, kMaxScale>(fit.scale, fit.qq - fit.q * fit.q * inv_one);
  super.unit = as_half(unit, super.unit_bits);
  super.scale = rounded(clamp(fit.scale * inverse(super.unit), 0, kMaxScale));
  const Lanes min = higher(fit.q * inv_one * (super.unit * super.scale - fit.scale) - fit.offset, splat(0));
  super.min_unit = as_half(best_unit<kGroup, 0, kMaxScale>(min, fit.one), super.min_unit_bits);
  super.min = rounded(clamp(min * inverse(super.min_unit), 0, kMaxScale));
  for (int round = 0; round < kSuperRounds; ++round) {
    AffineSums sums = improve_integers<kMaxCode, kMaxScale>(tile, fit, super);
    improve_units<kMaxCode, kGroup>(tile, sums, fit.one, super);
  }
  return super;
}

}  // namespace
}  // namespace nibble
