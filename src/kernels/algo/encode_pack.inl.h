// Codes of sixteen blocks, value j of block b at codes[j * 16 + b], into the bytes of each format (layouts:
// formats/quant_formats.h).
#pragma once
#include "kernels/algo/encode_lanes.inl.h"

namespace nibble {
namespace {

NIBBLE_INLINE uint8_t nibbles(unsigned low, unsigned high) { return uint8_t(low | high << 4); }

// Value j and j + 16 of a block of 32 share a byte.
NIBBLE_INLINE void pack_nibbles32(const uint8_t* codes, int block, uint8_t* out) {
  for (int j = 0; j < 16; ++j)
    out[j] = nibbles(codes[j * 16 + block] & 15u, codes[(j + 16) * 16 + block] & 15u);
}
// Bit 4 of each code, one bit a value.
NIBBLE_INLINE void pack_fifth_bits32(const uint8_t* codes, int block, uint8_t* out) {
  uint32_t bits = 0;
  for (int j = 0; j < 32; ++j) bits |= uint32_t(codes[j * 16 + block] >> 4 & 1) << j;
  for (int k = 0; k < 4; ++k) out[k] = uint8_t(bits >> (8 * k));
}

// The six-bit scales and mins of Q4_K and Q5_K.
NIBBLE_INLINE void pack_scales6(const uint8_t* scale, const uint8_t* min, uint8_t* out) {
  for (int j = 0; j < 4; ++j) {
    out[j] = uint8_t(scale[j] | (scale[j + 4] >> 4) << 6);
    out[j + 4] = uint8_t(min[j] | (min[j + 4] >> 4) << 6);
    out[j + 8] = nibbles(scale[j + 4] & 15u, min[j + 4] & 15u);
  }
}
// Low nibbles of pairs of sub-blocks of 32.
NIBBLE_INLINE void pack_nibbles256(const uint8_t* codes, int first, uint8_t* qs) {
  for (int pair = 0; pair < 4; ++pair)
    for (int l = 0; l < 32; ++l) {
      const uint8_t* at = codes + l * 16 + first + 2 * pair;
      qs[pair * 32 + l] = nibbles(at[0] & 15u, at[1] & 15u);
    }
}

// Code of value v (0 .. 255) where sub-blocks have 16 values and all 16 lanes are one superblock.
NIBBLE_INLINE unsigned code16(const uint8_t* codes, int v) { return codes[(v % 16) * 16 + v / 16]; }
// Two bits of each value: per 128 values the groups of 32 at shifts 0, 2, 4, 6.
NIBBLE_INLINE void pack_pairs256(const uint8_t* codes, uint8_t* qs) {
  for (int half = 0; half < 2; ++half)
    for (int l = 0; l < 32; ++l) {
      unsigned byte = 0;
      for (int group = 0; group < 4; ++group)
        byte |= (code16(codes, half * 128 + group * 32 + l) & 3u) << (2 * group);
      qs[half * 32 + l] = uint8_t(byte);
    }
}

NIBBLE_INLINE void pack_q2_k(const uint8_t* codes, const uint8_t* scale, const uint8_t* min, BlockQ2_K& out) {
  for (int s = 0; s < 16; ++s) out.scales[s] = nibbles(scale[s], min[s]);
  pack_pairs256(codes, out.qs);
}

// Codes 0 .. 7 (the value plus 4), scales 0 .. 63 (plus 32).
NIBBLE_INLINE void pack_q3_k(const uint8_t* codes, const uint8_t* scale, BlockQ3_K& out) {
  pack_pairs256(codes, out.qs);
  for (int l = 0; l < 32; ++l) {
    unsigned byte = 0;
    for (int group = 0; group < 8; ++group) byte |= (code16(codes, group * 32 + l) >> 2 & 1u) << group;
    out.hmask[l] = uint8_t(byte);
  }
  for (int k = 0; k < 12; ++k) out.scales[k] = 0;
  for (int s = 0; s < 16; ++s) {
    out.scales[s % 8] = uint8_t(out.scales[s % 8] | (scale[s] & 15) << (4 * (s / 8)));
    out.scales[8 + s % 4] = uint8_t(out.scales[8 + s % 4] | (scale[s] >> 4) << (2 * (s / 4)));
  }
}

// Codes 0 .. 63 (the value plus 32).
NIBBLE_INLINE void pack_q6_k(const uint8_t* codes, const int8_t* scale, BlockQ6_K& out) {
  for (int half = 0; half < 2; ++half)
    for (int l = 0; l < 32; ++l) {
      unsigned q[4];
      for (int k = 0; k < 4; ++k) q[k] = code16(codes, half * 128 + k * 32 + l);
      out.ql[half * 64 + l] = nibbles(q[0] & 15u, q[2] & 15u);
      out.ql[half * 64 + 32 + l] = nibbles(q[1] & 15u, q[3] & 15u);
      out.qh[half * 32 + l] = uint8_t(q[0] >> 4 | q[1] >> 4 << 2 | q[2] >> 4 << 4 | q[3] >> 4 << 6);
    }
  for (int s = 0; s < 16; ++s) out.scales[s] = scale[s];
}

}  // namespace
}  // namespace nibble
