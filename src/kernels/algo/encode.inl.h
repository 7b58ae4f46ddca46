// Rows of floats into blocks of a format: the searches of encode_fit and encode_super, final codes, packing.
#pragma once
#include "kernels/algo/encode_pack.inl.h"
#include "kernels/algo/encode_super.inl.h"
#include "kernels/algo/encode_ternary.inl.h"

namespace nibble {
namespace {

// Final codes of sixteen blocks and what scales they need, as bytes.
struct Codes {
  uint8_t q[32 * 16];
};

// Half-precision scales beside `scale` (itself first), one of which is best once codes are rounded to it.
NIBBLE_INLINE Lanes beside(Lanes scale, int which) {
  constexpr float kFactors[] = {1, 1 - 1.0f / 1024, 1 + 1.0f / 1024};
  return scale * splat(kFactors[which]);
}

// d * q with q on the grid: `bits` of d, codes as q - kBias.
template <class Grid, int kBias, bool kWeighted>
NIBBLE_INLINE void encode_scaled(const Tile<32, kWeighted>& tile, uint16_t* bits, Codes& codes) {
  const ScaleFit fit = fit_scale<Grid>(tile);
  Lanes best = splat(0), best_error = splat(3e38f);
  for (int which = 0; which < 3; ++which) {
    const Lanes scale = as_half(beside(fit.scale, which), bits), inv = inverse(scale);
    Lanes error = splat(0);
    for (int j = 0; j < 32; ++j) {
      const Lanes off = tile.x[j] - scale * Grid::nearest(tile.x[j] * inv);
      error = error + tile.weighted(j, off) * off;
    }
    best = if_less(error, best_error, scale, best);
    best_error = lower(error, best_error);
  }
  const Lanes inv = inverse(as_half(best, bits));
  for (int j = 0; j < 32; ++j) store_codes(Grid::nearest(tile.x[j] * inv) - splat(kBias), codes.q + j * 16);
}

// d * q + m.
template <int kMaxCode, bool kWeighted>
NIBBLE_INLINE void encode_affine(const Tile<32, kWeighted>& tile, uint16_t* d_bits, uint16_t* m_bits,
                                 Codes& codes) {
  const AffineFit fit = fit_affine<kMaxCode, 20, false>(tile);
  const Lanes mean_q = fit.q * inverse(fit.one);
  Lanes best_scale = splat(0), best_offset = splat(0), best_error = splat(3e38f);
  for (int which = 0; which < 3; ++which) {
    const Lanes scale = as_half(beside(fit.scale, which), d_bits);
    const Lanes offset = as_half(fit.offset + (fit.scale - scale) * mean_q, m_bits);
    const Lanes error = affine_sums<kMaxCode>(tile, scale, splat(0) - offset).error;
    best_scale = if_less(error, best_error, scale, best_scale);
    best_offset = if_less(error, best_error, offset, best_offset);
    best_error = lower(error, best_error);
  }
  const Lanes inv = inverse(as_half(best_scale, d_bits));
  const Lanes offset = as_half(best_offset, m_bits);
  for (int j = 0; j < 32; ++j)
    store_codes(rounded(clamp((tile.x[j] - offset) * inv, 0, kMaxCode)), codes.q + j * 16);
}

// 2^(e - 128), the scale of MXFP4, for e from 2 on: below, it has no inverse.
NIBBLE_INLINE float power_of_two_scale(int e) { return __builtin_bit_cast(float, uint32_t(e - 1) << 23); }

template <bool kWeighted>
NIBBLE_INLINE void encode_mxfp4(const Tile<32, kWeighted>& tile, uint8_t* exponents, Codes& codes) {
  Lanes top = splat(0);
  for (int j = 0; j < 32; ++j) top = higher(top, magnitude(tile.x[j]));
  float tops[16], scales[16], best_e[16], tried_e[16];
  Isa::store_f(tops, top.v);
  Lanes best = splat(2), best_error = splat(3e38f);
  // The exponent at which the largest value is at most 12 (6, doubled) is within these.
  for (int step = -1; step <= 2; ++step) {
    for (int b = 0; b < 16; ++b) {
      const int exponent = int(__builtin_bit_cast(uint32_t, tops[b]) >> 23);  // 2^(exponent - 127) <= top
      const int e = exponent - 2 + step;  // top / 2^(e - 128) in [2^(3 - step), 2^(4 - step))
      const int clamped = e < 2 ? 2 : e > 254 ? 254 : e;
      scales[b] = power_of_two_scale(clamped);
      tried_e[b] = float(clamped);
    }
    const Lanes scale{Isa::load_f(scales)}, inv = splat(1) / scale;
    Lanes error = splat(0);
    for (int j = 0; j < 32; ++j) {
      const Lanes off = tile.x[j] - scale * GridMXFP4::nearest(tile.x[j] * inv);
      error = error + tile.weighted(j, off) * off;
    }
    best = if_less(error, best_error, Lanes{Isa::load_f(tried_e)}, best);
    best_error = lower(error, best_error);
  }
  Isa::store_f(best_e, best.v);
  for (int b = 0; b < 16; ++b)
    exponents[b] = uint8_t(best_e[b]), scales[b] = power_of_two_scale(int(best_e[b]));
  const Lanes inv = splat(1) / Lanes{Isa::load_f(scales)};
  for (int j = 0; j < 32; ++j) {
    // Twice the magnitude 0 1 2 3 4 6 8 12 to its index, the sign in bit 3.
    const Lanes q = GridMXFP4::nearest(tile.x[j] * inv), size = magnitude(q);
    const Lanes above4 = rounded((size - splat(4)) * splat(0.5f)) + splat(4);
    const Lanes index = if_less(splat(11), size, splat(7), if_less(splat(4), size, above4, size));
    store_codes(if_less(q, splat(0), index + splat(8), index), codes.q + j * 16);
  }
}

// Index of a codebook value.
NIBBLE_INLINE Lanes iq4_index(Lanes t) {
  Lanes index = splat(0);
  for (int k = 1; k < 16; ++k) {
    const float middle = 0.5f * float(kIQ4Codebook[k - 1] + kIQ4Codebook[k]);
    index = if_less(t, splat(middle), index, splat(float(k)));
  }
  return index;
}

template <bool kWeighted>
NIBBLE_INLINE void encode_iq4_nl(const Tile<32, kWeighted>& tile, uint16_t* bits, Codes& codes) {
  encode_scaled<GridIQ4, 0>(tile, bits, codes);
  const Lanes inv = inverse(Lanes{Isa::load_half(bits)});
  for (int j = 0; j < 32; ++j) store_codes(iq4_index(tile.x[j] * inv), codes.q + j * 16);
}

// What a tile of blocks of 32 has besides its codes: scales, offsets, exponents.
struct Factors32 {
  uint16_t d[16], m[16];
  uint8_t e[16];
};

inline void pack_block32(FormatId format, const Codes& codes, const Factors32& factors, int b, uint8_t* out) {
  switch (format) {
    case FormatId::kQ4_0:
    case FormatId::kIQ4_NL: {
      BlockQ4_0& block = reinterpret_cast<BlockQ4_0*>(out)[b];
      block.d = factors.d[b];
      pack_nibbles32(codes.q, b, block.qs);
      break;
    }
    case FormatId::kQ4_1: {
      BlockQ4_1& block = reinterpret_cast<BlockQ4_1*>(out)[b];
      block.d = factors.d[b], block.m = factors.m[b];
      pack_nibbles32(codes.q, b, block.qs);
      break;
    }
    case FormatId::kQ5_0: {
      BlockQ5_0& block = reinterpret_cast<BlockQ5_0*>(out)[b];
      block.d = factors.d[b];
      pack_nibbles32(codes.q, b, block.qs);
      pack_fifth_bits32(codes.q, b, block.qh);
      break;
    }
    case FormatId::kQ5_1: {
      BlockQ5_1& block = reinterpret_cast<BlockQ5_1*>(out)[b];
      block.d = factors.d[b], block.m = factors.m[b];
      pack_nibbles32(codes.q, b, block.qs);
      pack_fifth_bits32(codes.q, b, block.qh);
      break;
    }
    case FormatId::kQ8_0: {
      BlockQ8_0& block = reinterpret_cast<BlockQ8_0*>(out)[b];
      block.d = factors.d[b];
      for (int j = 0; j < 32; ++j) block.qs[j] = int8_t(codes.q[j * 16 + b]);
      break;
    }
    default: {
      BlockMXFP4& block = reinterpret_cast<BlockMXFP4*>(out)[b];
      block.e = factors.e[b];
      pack_nibbles32(codes.q, b, block.qs);
      break;
    }
  }
}

template <bool kWeighted>
void encode_blocks32(FormatId format, const float* values, const float* weights, int n, uint8_t* out) {
  Tile<32, kWeighted> tile;
  load_tile(values, weights, n, tile);
  Codes codes;
  Factors32 factors;
  auto& [d, m, e] = factors;
  switch (format) {
    case FormatId::kQ4_0:
      encode_scaled<GridQ4_0, -8>(tile, d, codes);
      break;
    case FormatId::kQ5_0:
      encode_scaled<GridQ5_0, -16>(tile, d, codes);
      break;
    case FormatId::kQ8_0:
      encode_scaled<GridQ8_0, 0>(tile, d, codes);
      break;
    case FormatId::kQ4_1:
      encode_affine<15>(tile, d, m, codes);
      break;
    case FormatId::kQ5_1:
      encode_affine<31>(tile, d, m, codes);
      break;
    case FormatId::kIQ4_NL:
      encode_iq4_nl(tile, d, codes);
      break;
    default:
      encode_mxfp4(tile, e, codes);
      break;
  }
  for (int b = 0; b < n; ++b) pack_block32(format, codes, factors, b, out);
}

// Two superblocks of eight sub-blocks of 32.
template <int kMaxCode, bool kWeighted>
void encode_q45_k(const float* values, const float* weights, int n, uint8_t* out) {
  Tile<32, kWeighted> tile;
  load_tile(values, weights, n * 8, tile);
  const AffineSuper super = fit_affine_super<kMaxCode, 63, 16, 8>(tile);
  const Lanes inv = inverse(super.unit * super.scale), offset = super.min_unit * super.min;
  Codes codes;
  for (int j = 0; j < 32; ++j)
    store_codes(rounded(clamp((tile.x[j] + offset) * inv, 0, kMaxCode)), codes.q + j * 16);
  uint8_t scale[16], min[16];
  store_codes(super.scale, scale);
  store_codes(super.min, min);
  for (int s = 0; s < n; ++s) {
    const auto pack = [&](auto& block) {
      block.d = super.unit_bits[s * 8], block.dmin = super.min_unit_bits[s * 8];
      pack_scales6(scale + s * 8, min + s * 8, block.scales);
      pack_nibbles256(codes.q, s * 8, block.qs);
    };
    if constexpr (kMaxCode == 15) {
      pack(reinterpret_cast<BlockQ4_K*>(out)[s]);
    } else {
      BlockQ5_K& block = reinterpret_cast<BlockQ5_K*>(out)[s];
      pack(block);
      for (int l = 0; l < 32; ++l) {
        unsigned byte = 0;
        for (int b = 0; b < 8; ++b) byte |= unsigned(codes.q[l * 16 + s * 8 + b] >> 4 & 1) << b;
        block.qh[l] = uint8_t(byte);
      }
    }
  }
}

template <bool kWeighted>
void encode_q2_k(const float* values, const float* weights, BlockQ2_K& block) {
  Tile<16, kWeighted> tile;
  load_tile(values, weights, 16, tile);
  const AffineSuper super = fit_affine_super<3, 15, 20, 16>(tile);
  const Lanes inv = inverse(super.unit * super.scale), offset = super.min_unit * super.min;
  Codes codes;
  for (int j = 0; j < 16; ++j)
    store_codes(rounded(clamp((tile.x[j] + offset) * inv, 0, 3)), codes.q + j * 16);
  uint8_t scale[16], min[16];
  store_codes(super.scale, scale);
  store_codes(super.min, min);
  block.d = super.unit_bits[0], block.dmin = super.min_unit_bits[0];
  pack_q2_k(codes.q, scale, min, block);
}

template <class Grid, int kBias, int kLow, int kHigh, bool kWeighted, class Pack>
NIBBLE_INLINE void encode_symmetric16(const float* values, const float* weights, const Pack& pack) {
  Tile<16, kWeighted> tile;
  load_tile(values, weights, 16, tile);
  const SymmetricSuper super = fit_symmetric_super<Grid, 16, kLow, kHigh>(tile);
  const Lanes inv = inverse(super.unit * super.scale);
  Codes codes;
  for (int j = 0; j < 16; ++j) store_codes(Grid::nearest(tile.x[j] * inv) + splat(kBias), codes.q + j * 16);
  pack(codes.q, super);
}

template <bool kWeighted>
void encode_q3_k(const float* values, const float* weights, BlockQ3_K& block) {
  encode_symmetric16<GridQ3_K, 4, -32, 31, kWeighted>(values, weights,
                                                      [&](const uint8_t* q, const SymmetricSuper& super) {
                                                        uint8_t scale[16];
                                                        store_codes(super.scale + splat(32), scale);
                                                        block.d = super.bits[0];
                                                        pack_q3_k(q, scale, block);
                                                      });
}

template <bool kWeighted>
void encode_q6_k(const float* values, const float* weights, BlockQ6_K& block) {
  encode_symmetric16<GridQ6_K, 32, -128, 127, kWeighted>(
      values, weights, [&](const uint8_t* q, const SymmetricSuper& super) {
        uint8_t scale[16];
        store_codes(super.scale, scale);
        block.d = super.bits[0];
        pack_q6_k(q, reinterpret_cast<const int8_t*>(scale), block);
      });
}

template <bool kWeighted>
void encode_iq4_xs(const float* values, const float* weights, int n, BlockIQ4_XS* out) {
  Tile<32, kWeighted> tile;
  load_tile(values, weights, n * 8, tile);
  const SymmetricSuper super = fit_symmetric_super<GridIQ4, 8, -32, 31>(tile);
  const Lanes inv = inverse(super.unit * super.scale);
  Codes codes;
  for (int j = 0; j < 32; ++j) store_codes(iq4_index(tile.x[j] * inv), codes.q + j * 16);
  uint8_t scale[16];
  store_codes(super.scale + splat(32), scale);
  for (int s = 0; s < n; ++s) {
    out[s].d = super.bits[s * 8];
    unsigned high = 0;
    for (int b = 0; b < 8; ++b) {
      high |= unsigned(scale[s * 8 + b] >> 4) << (2 * b);
      pack_nibbles32(codes.q, s * 8 + b, out[s].qs + b * 16);
    }
    for (int b = 0; b < 4; ++b)
      out[s].scales_l[b] = nibbles(scale[s * 8 + 2 * b] & 15u, scale[s * 8 + 2 * b + 1] & 15u);
    out[s].scales_h = uint16_t(high);
  }
}

// How many blocks of a format are encoded together, and how large they are; none of formats without a search.
struct Batch {
  int blocks = 0;
  int64_t values = 0, bytes = 0;  // of one block
};
inline Batch batch_of(FormatId format) {
  switch (format) {
    case FormatId::kQ4_0:
    case FormatId::kIQ4_NL:
      return {16, 32, sizeof(BlockQ4_0)};
    case FormatId::kQ4_1:
      return {16, 32, sizeof(BlockQ4_1)};
    case FormatId::kQ5_0:
      return {16, 32, sizeof(BlockQ5_0)};
    case FormatId::kQ5_1:
      return {16, 32, sizeof(BlockQ5_1)};
    case FormatId::kQ8_0:
      return {16, 32, sizeof(BlockQ8_0)};
    case FormatId::kMXFP4:
      return {16, 32, sizeof(BlockMXFP4)};
    case FormatId::kQ2_K:
      return {1, 256, sizeof(BlockQ2_K)};
    case FormatId::kQ3_K:
      return {1, 256, sizeof(BlockQ3_K)};
    case FormatId::kQ4_K:
      return {2, 256, sizeof(BlockQ4_K)};
    case FormatId::kQ5_K:
      return {2, 256, sizeof(BlockQ5_K)};
    case FormatId::kQ6_K:
      return {1, 256, sizeof(BlockQ6_K)};
    case FormatId::kIQ4_XS:
      return {2, 256, sizeof(BlockIQ4_XS)};
    default:
      return {};
  }
}

template <bool kWeighted>
bool encode_blocks_weighted(FormatId format, const float* values, const float* weights, int64_t blocks,
                            uint8_t* out) {
  if constexpr (!kWeighted) {
    if (format == FormatId::kI2_S) return encode_i2_s(values, blocks, out), true;
    if (format == FormatId::kTQ2_0) return encode_tq2_0(values, blocks, out), true;
    if (format == FormatId::kTQ1_0) return encode_tq1_0(values, blocks, out), true;
  }
  const Batch batch = batch_of(format);
  if (batch.blocks == 0) return false;
  for (int64_t first = 0; first < blocks; first += batch.blocks) {
    const int n = int(blocks - first < batch.blocks ? blocks - first : batch.blocks);
    const float* x = values + first * batch.values;
    const float* w = kWeighted ? weights + first * batch.values : nullptr;
    uint8_t* target = out + first * batch.bytes;
    switch (format) {
      case FormatId::kQ2_K:
        encode_q2_k<kWeighted>(x, w, *reinterpret_cast<BlockQ2_K*>(target));
        break;
      case FormatId::kQ3_K:
        encode_q3_k<kWeighted>(x, w, *reinterpret_cast<BlockQ3_K*>(target));
        break;
      case FormatId::kQ4_K:
        encode_q45_k<15, kWeighted>(x, w, n, target);
        break;
      case FormatId::kQ5_K:
        encode_q45_k<31, kWeighted>(x, w, n, target);
        break;
      case FormatId::kQ6_K:
        encode_q6_k<kWeighted>(x, w, *reinterpret_cast<BlockQ6_K*>(target));
        break;
      case FormatId::kIQ4_XS:
        encode_iq4_xs<kWeighted>(x, w, n, reinterpret_cast<BlockIQ4_XS*>(target));
        break;
      default:
        encode_blocks32<kWeighted>(format, x, w, n, target);
        break;
    }
  }
  return true;
}

// As declared in kernels/encode.h.
bool encode_blocks(FormatId format, const float* values, const float* weights, int64_t blocks, uint8_t* out) {
  return weights ? encode_blocks_weighted<true>(format, values, weights, blocks, out)
                 : encode_blocks_weighted<false>(format, values, nullptr, blocks, out);
}

}  // namespace
}  // namespace nibble
