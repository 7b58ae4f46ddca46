// Floats into I2_S, TQ2_0 and TQ1_0 by the absmean rule, to the bytes of the scalar reference (formats/quant_reference_ternary.cpp). Two passes
// over the values: their mean magnitude, half of which is the threshold; then codes, and the mean of those that are kept, the scale.
#pragma once
#include "formats/quant_formats.h"
#include "kernels/isa/vocabulary.h"

namespace nibble {
namespace {

// Doubles in the reference's 32 lanes.
struct LaneSum {
  Isa::F64 low = Isa::zero_d(), high = Isa::zero_d();
  // Widened by loads, which costs less than by registers.
  NIBBLE_INLINE void add(Isa::F32 a, Isa::F32 b) {
    alignas(64) float x[32];
    Isa::store_f(x, a), Isa::store_f(x + 16, b);
    __asm__("" : "+m"(x));
    low = Isa::add_wide(low, x), high = Isa::add_wide(high, x + 16);
  }
  NIBBLE_INLINE double total() const { return Isa::reduce_add(Isa::add(low, high)); }
};

// |x| <= threshold, compared as double, is |x| <= the largest float that is not above it.
NIBBLE_INLINE float float_not_above(double threshold) {
  const float nearest = float(threshold);
  if (double(nearest) <= threshold) return nearest;
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, nearest) - 1);
}

// From the end: the pass that follows begins with what is still in the cache.
NIBBLE_INLINE float threshold_of(const float* values, int64_t count) {
  LaneSum sum;
  const Isa::F32 fourth = Isa::set_f(0.25f);
  for (int64_t at = count - 128; at >= 0; at -= 128) {
    Isa::F32 quarter[2] = {Isa::set_f(0), Isa::set_f(0)};
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) quarter[i % 2] = Isa::fma(Isa::abs(Isa::load_f(values + at + 16 * i)), fourth, quarter[i % 2]);
    sum.add(quarter[0], quarter[1]);
  }
  return float_not_above(sum.total() * 4 / double(count) / 2);
}

// Codes of 128 values in 32 bytes, four a byte 32 values apart, the first at the top or at the bottom of the byte; adds what is kept to
// `kept`. Returns how many are.
template <bool kFirstOnTop>
NIBBLE_INLINE int encode_codes128(const float* values, Isa::F32 threshold, uint8_t* out, LaneSum& kept) {
  Isa::F32 halves[2][2];  // (pairs 64 values apart, 16 values apart)
#pragma GCC unroll 2
  for (int half = 0; half < 32; half += 16) {
    Isa::F32 packed = Isa::set_f(0x55);  // from -1, 0, 1 to 0, 1, 2 in all four places
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const Isa::F32 x = Isa::load_f(values + 32 * k + half), size = Isa::abs(x);
      const Isa::F32 zero = Isa::set_f(0), kept_size = Isa::select_less(threshold, size, size, zero);
      Isa::F32& pair = halves[k / 2][half / 16];
      pair = Isa::fma(kept_size, Isa::set_f(0.5f), k % 2 ? pair : zero);
      constexpr float kPlaces[] = {kFirstOnTop ? 64 : 1, kFirstOnTop ? 16 : 4, kFirstOnTop ? 4 : 16, kFirstOnTop ? 1 : 64};
      packed = Isa::fma(Isa::sign_beyond(x, threshold), Isa::set_f(kPlaces[k]), packed);
    }
    Isa::store_low_bytes(out + half, Isa::round_to_int(packed));
  }
  kept.add(halves[0][0], halves[0][1]), kept.add(halves[1][0], halves[1][1]);
  int zeros = 0;
#pragma GCC unroll 4
  for (int i = 0; i < 32; i += 8) {
    uint64_t word;
    __builtin_memcpy(&word, out + i, 8);
    zeros += __builtin_popcountll(word & 0x5555555555555555ull);
  }
  return 128 - zeros;
}

// The whole tensor: its scale follows, then padding.
void encode_i2_s(const float* values, int64_t blocks, uint8_t* out) {
  const Isa::F32 threshold = Isa::set_f(blocks > 0 ? threshold_of(values, 128 * blocks) : 0);
  LaneSum kept;
  int64_t count = 0;
  for (int64_t b = 0; b < blocks; ++b) count += encode_codes128<true>(values + 128 * b, threshold, out + 32 * b, kept);
  const float trailer[8] = {count > 0 ? float(kept.total() * 2 / double(count)) : 0.0f};
  __builtin_memcpy(out + 32 * blocks, trailer, sizeof trailer);
}

NIBBLE_INLINE void encode_block(const float* values, BlockTQ2_0& block) {
  const Isa::F32 threshold = Isa::set_f(threshold_of(values, 256));
  LaneSum kept;
  int count = encode_codes128<false>(values, threshold, block.qs, kept);
  count += encode_codes128<false>(values + 128, threshold, block.qs + 32, kept);
  const float scale = count > 0 ? float(kept.total() * 2 / double(count)) : 0.0f;
  block.d = float_to_half(scale > 65504.0f ? 65504.0f : scale);
}

void encode_tq2_0(const float* values, int64_t blocks, uint8_t* out) {
  auto* const block = reinterpret_cast<BlockTQ2_0*>(out);
  for (int64_t b = 0; b < blocks; ++b) encode_block(values + 256 * b, block[b]);
}

// BYTES bytes of TRITS trits each, a byte's trits BYTES codes apart: their number of base 3, scaled from 243 to 256 and rounded up.
template <int BYTES, int TRITS>
NIBBLE_INLINE void pack_trits(const uint8_t* codes, uint8_t* out) {
  for (int m = 0; m < BYTES; ++m) {
    uint16_t number = 0;
    for (int n = 0; n < 5; ++n) number = uint16_t(number * 3 + (n < TRITS ? codes[BYTES * n + m] : 0));
    out[m] = uint8_t(uint16_t(number * 256 + 242) / 243);
  }
}

// The codes and the scale of TQ2_0, packed more tightly.
void encode_tq1_0(const float* values, int64_t blocks, uint8_t* out) {
  auto* const block = reinterpret_cast<BlockTQ1_0*>(out);
  for (int64_t b = 0; b < blocks; ++b) {
    BlockTQ2_0 wide;
    encode_block(values + 256 * b, wide);
    alignas(64) uint8_t codes[256];
    for (int half = 0; half < 2; ++half)
      for (int k = 0; k < 4; ++k)
        for (int m = 0; m < 32; ++m) codes[128 * half + 32 * k + m] = wide.qs[32 * half + m] >> 2 * k & 3;
    pack_trits<32, 5>(codes, block[b].qs);
    pack_trits<16, 5>(codes + 160, block[b].qs + 32);
    pack_trits<4, 4>(codes + 240, block[b].qh);
    block[b].d = wide.d;
  }
}

}  // namespace
}  // namespace nibble
