// Between a format's block and integer codes, scales and offsets, once for every ISA. One contract:
//   w = d * sub_scale * (code - kZero) - dmin * sub_min,  code in [0, 127], or in [-128, 127] where kSigned.
// Formats of 32 values give 64 codes of two neighbouring blocks at a time; superblocks give 64 codes per step of four.
// Codes come in the natural order of the values. sub_scales() gives the kSubs sub-scales in lanes from 0 (int16 at most), and
// writes the sub-minima where there are some. kWide: four products of a code and an activation may not fit int16.
#pragma once
#include "formats/quant_formats.h"
#include "kernels/isa/vocabulary.h"

namespace nibble {
namespace {

template <FormatId ID>
struct Codes;

// Scales and minima kept as f16, read sixteen rows at a time.
struct HalfScale {
  static NIBBLE_INLINE Isa::F32 load_scales(const uint16_t* bits) { return Isa::load_half(bits); }
};

template <>
struct Codes<FormatId::kQ4_0> : HalfScale {
  using Block = BlockQ4_0;
  static constexpr int kZero = 8;
  static constexpr bool kSigned = false, kHasMin = false;
  static NIBBLE_INLINE Isa::U8 from_nibbles(Isa::U8 nibbles) { return nibbles; }
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) { return Isa::field_dup16<0, 4, 15>(a->qs, b->qs); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

template <>
struct Codes<FormatId::kQ4_1> : HalfScale {
  using Block = BlockQ4_1;
  static constexpr int kZero = 0;
  static constexpr bool kSigned = false, kHasMin = true;
  static NIBBLE_INLINE Isa::U8 from_nibbles(Isa::U8 nibbles) { return nibbles; }
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) { return Isa::field_dup16<0, 4, 15>(a->qs, b->qs); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
  static NIBBLE_INLINE uint16_t min_bits(const Block* b) { return b->m; }
};

// Four bits in qs, the fifth in a mask of 32 bits.
template <class Block>
NIBBLE_INLINE Isa::U8 five_bit_codes(const Block* a, const Block* b) {
  uint32_t low, high;
  __builtin_memcpy(&low, a->qh, 4);
  __builtin_memcpy(&high, b->qh, 4);
  return Isa::bit_or(Isa::field_dup16<0, 4, 15>(a->qs, b->qs), Isa::bits_to_bytes(uint64_t(high) << 32 | low, 16));
}

template <>
struct Codes<FormatId::kQ5_0> : HalfScale {
  using Block = BlockQ5_0;
  static constexpr int kZero = 16;
  static constexpr bool kSigned = false, kHasMin = false;
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) { return five_bit_codes(a, b); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

template <>
struct Codes<FormatId::kQ5_1> : HalfScale {
  using Block = BlockQ5_1;
  static constexpr int kZero = 0;
  static constexpr bool kSigned = false, kHasMin = true;
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) { return five_bit_codes(a, b); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
  static NIBBLE_INLINE uint16_t min_bits(const Block* b) { return b->m; }
};

template <>
struct Codes<FormatId::kQ8_0> : HalfScale {
  using Block = BlockQ8_0;
  static constexpr int kZero = 0;
  static constexpr bool kSigned = true, kHasMin = false;
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) { return Isa::load_2x32(a->qs, b->qs); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

template <>
struct Codes<FormatId::kIQ4_NL> : HalfScale {
  using Block = BlockIQ4_NL;
  static constexpr int kZero = 0;
  static constexpr bool kSigned = true, kHasMin = false;
  static NIBBLE_INLINE Isa::U8 from_nibbles(Isa::U8 nibbles) { return Isa::lookup16(kIQ4Codebook, nibbles); }
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) {
    return from_nibbles(Isa::field_dup16<0, 4, 15>(a->qs, b->qs));
  }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

// 2^(e - 128), of which the smallest two are subnormal.
NIBBLE_INLINE float power_of_two_scale(int e) { return __builtin_bit_cast(float, e < 2 ? 0x00200000 << e : (e - 1) << 23); }

// The doubled E2M1 values, raised by 12 to be unsigned.
template <>
struct Codes<FormatId::kMXFP4> {
  using Block = BlockMXFP4;
  static constexpr int kZero = 12;
  static constexpr bool kSigned = false, kHasMin = false;
  static NIBBLE_INLINE Isa::U8 from_nibbles(Isa::U8 nibbles) {
    static constexpr int8_t kRaised[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
    return Isa::lookup16(kRaised, nibbles);
  }
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) {
    return from_nibbles(Isa::field_dup16<0, 4, 15>(a->qs, b->qs));
  }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->e; }
  static NIBBLE_INLINE Isa::F32 load_scales(const uint16_t* e) {
    alignas(64) float scales[16];
    for (int i = 0; i < 16; ++i) scales[i] = power_of_two_scale(e[i]);
    return Isa::load_f(scales);
  }
};

// The six-bit scales and minima of Q4_K and Q5_K: eight of each in 12 bytes. The scales are returned, the minima written.
NIBBLE_INLINE uint64_t unpack_six_bits(const uint8_t* packed, uint8_t* mins) {
  uint32_t a, b, c;
  __builtin_memcpy(&a, packed, 4);
  __builtin_memcpy(&b, packed + 4, 4);
  __builtin_memcpy(&c, packed + 8, 4);
  const uint64_t scales = uint64_t((c & 0x0F0F0F0Fu) | ((a >> 2) & 0x30303030u)) << 32 | (a & 0x3F3F3F3Fu);
  const uint64_t min_bytes = uint64_t(((c >> 4) & 0x0F0F0F0Fu) | ((b >> 2) & 0x30303030u)) << 32 | (b & 0x3F3F3F3Fu);
  __builtin_memcpy(mins, &min_bytes, 8);
  return scales;
}

template <>
struct Codes<FormatId::kQ4_K> : HalfScale {
  using Block = BlockQ4_K;
  static constexpr int kZero = 0, kSubs = 8;
  static constexpr bool kSigned = false, kHasMin = true;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) { return Isa::field_dup32<0, 4, 15>(b->qs + 32 * STEP); }
  static NIBBLE_INLINE Isa::I32 sub_scales(const Block* b, uint8_t* mins) { return Isa::widen_u8x8(unpack_six_bits(b->scales, mins)); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
  static NIBBLE_INLINE uint16_t min_bits(const Block* b) { return b->dmin; }
};

template <>
struct Codes<FormatId::kQ5_K> : HalfScale {
  using Block = BlockQ5_K;
  static constexpr int kZero = 0, kSubs = 8;
  static constexpr bool kSigned = false, kHasMin = true;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) {
    const Isa::U8 low = Isa::field_dup32<0, 4, 15>(b->qs + 32 * STEP), high = Isa::field_dup32<2 * STEP, 2 * STEP + 1, 1>(b->qh);
    return Isa::bit_or(low, Isa::shift_left<4>(high));
  }
  static NIBBLE_INLINE Isa::I32 sub_scales(const Block* b, uint8_t* mins) { return Isa::widen_u8x8(unpack_six_bits(b->scales, mins)); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
  static NIBBLE_INLINE uint16_t min_bits(const Block* b) { return b->dmin; }
};

// Two bits of 256 values in 64 bytes, as Q2_K, Q3_K and TQ2_0 keep them: 32 bytes give four groups of 32.
template <int STEP>
NIBBLE_INLINE Isa::U8 two_bit_codes(const uint8_t* qs) {
  return Isa::field_dup32<4 * (STEP % 2), 4 * (STEP % 2) + 2, 3>(qs + 32 * (STEP / 2));
}

template <>
struct Codes<FormatId::kQ2_K> : HalfScale {
  using Block = BlockQ2_K;
  static constexpr int kZero = 0, kSubs = 16;
  static constexpr bool kSigned = false, kHasMin = true;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) { return two_bit_codes<STEP>(b->qs); }
  static NIBBLE_INLINE Isa::I32 sub_scales(const Block* b, uint8_t* mins) {
    uint64_t packed[2];
    __builtin_memcpy(packed, b->scales, 16);
    uint64_t scales[2];
    for (int i = 0; i < 2; ++i) {
      scales[i] = packed[i] & 0x0F0F0F0F0F0F0F0Full;
      packed[i] = (packed[i] >> 4) & 0x0F0F0F0F0F0F0F0Full;
    }
    __builtin_memcpy(mins, packed, 16);
    return Isa::widen_i8x16(scales[0], scales[1]);
  }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
  static NIBBLE_INLINE uint16_t min_bits(const Block* b) { return b->dmin; }
};

template <>
struct Codes<FormatId::kQ3_K> : HalfScale {
  using Block = BlockQ3_K;
  static constexpr int kZero = 4, kSubs = 16;
  static constexpr bool kSigned = false, kHasMin = false;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) {
    const Isa::U8 high = Isa::field_dup32<2 * STEP, 2 * STEP + 1, 1>(b->hmask);
    return Isa::bit_or(two_bit_codes<STEP>(b->qs), Isa::shift_left<2>(high));
  }
  static NIBBLE_INLINE Isa::I32 sub_scales(const Block* b, uint8_t*) {
    uint64_t low;
    uint32_t high;
    __builtin_memcpy(&low, b->scales, 8);
    __builtin_memcpy(&high, b->scales + 8, 4);
    // Four scales take their high bits from the same byte position, at shifts 0, 2, 4 and 6.
    const uint32_t pairs[4] = {high & 0x03030303u, high >> 2 & 0x03030303u, high >> 4 & 0x03030303u, high >> 6 & 0x03030303u};
    const uint64_t scales[2] = {(low & 0x0F0F0F0F0F0F0F0Full) | (uint64_t(pairs[1]) << 32 | pairs[0]) << 4,
                                (low >> 4 & 0x0F0F0F0F0F0F0F0Full) | (uint64_t(pairs[3]) << 32 | pairs[2]) << 4};
    return Isa::add(Isa::widen_i8x16(scales[0], scales[1]), Isa::set_i(-32));
  }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

template <>
struct Codes<FormatId::kIQ4_XS> : HalfScale {
  using Block = BlockIQ4_XS;
  static constexpr bool kWide = true;
  static constexpr int kZero = 0, kSubs = 8;
  static constexpr bool kSigned = true, kHasMin = false;
  static NIBBLE_INLINE Isa::U8 from_nibbles(Isa::U8 nibbles) { return Isa::lookup16(kIQ4Codebook, nibbles); }
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) {
    return from_nibbles(Isa::field_dup16<0, 4, 15>(b->qs + 32 * STEP, b->qs + 32 * STEP + 16));
  }
  static NIBBLE_INLINE Isa::I32 sub_scales(const Block* b, uint8_t*) {
    uint32_t packed;
    __builtin_memcpy(&packed, b->scales_l, 4);
    uint64_t low = packed, high = b->scales_h;  // eight nibbles and eight bit pairs, spread to a byte each
    low = (low | low << 16) & 0x0000FFFF0000FFFFull;
    low = (low | low << 8) & 0x00FF00FF00FF00FFull;
    low = (low | low << 4) & 0x0F0F0F0F0F0F0F0Full;
    high = (high | high << 24) & 0x000000FF000000FFull;
    high = (high | high << 12) & 0x000F000F000F000Full;
    high = (high | high << 6) & 0x0303030303030303ull;
    return Isa::add(Isa::widen_u8x8(low | high << 4), Isa::set_i(-32));
  }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

template <>
struct Codes<FormatId::kTQ2_0> : HalfScale {
  using Block = BlockTQ2_0;
  static constexpr int kZero = 1, kSubs = 1;
  static constexpr bool kSigned = false, kHasMin = false;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) { return two_bit_codes<STEP>(b->qs); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

// Trit N of n bytes: ((byte * 3^N mod 256) * 3) >> 8.
template <int N>
NIBBLE_INLINE void trits(const uint8_t* bytes, int n, uint8_t* out) {
  constexpr int kPowers[] = {1, 3, 9, 27, 81};
  for (int i = 0; i < n; ++i) out[i] = uint8_t((uint8_t(bytes[i] * kPowers[N]) * 3) >> 8);
}

template <>
struct Codes<FormatId::kTQ1_0> : HalfScale {
  using Block = BlockTQ1_0;
  static constexpr int kZero = 1, kSubs = 1;
  static constexpr bool kSigned = false, kHasMin = false;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) {
    alignas(64) uint8_t out[64];
    if constexpr (STEP < 2) {
      trits<2 * STEP>(b->qs, 32, out);
      trits<2 * STEP + 1>(b->qs, 32, out + 32);
    } else if constexpr (STEP == 2) {
      trits<4>(b->qs, 32, out);
      trits<0>(b->qs + 32, 16, out + 32), trits<1>(b->qs + 32, 16, out + 48);
    } else {
      trits<2>(b->qs + 32, 16, out), trits<3>(b->qs + 32, 16, out + 16), trits<4>(b->qs + 32, 16, out + 32);
      trits<0>(b->qh, 4, out + 48), trits<1>(b->qh, 4, out + 52), trits<2>(b->qh, 4, out + 56), trits<3>(b->qh, 4, out + 60);
    }
    return Isa::load_u8(out);
  }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

template <>
struct Codes<FormatId::kQ6_K> : HalfScale {
  using Block = BlockQ6_K;
  static constexpr int kZero = 32, kSubs = 16;
  static constexpr bool kSigned = false, kHasMin = false;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) {
    constexpr int kHalf = STEP / 2, kHigh = STEP % 2;
    const Isa::U8 low = Isa::field<4 * kHigh, 15>(Isa::load_u8(b->ql + 64 * kHalf));
    const Isa::U8 high = Isa::field_dup32<4 * kHigh, 4 * kHigh + 2, 3>(b->qh + 32 * kHalf);
    return Isa::bit_or(low, Isa::shift_left<4>(high));
  }
  static NIBBLE_INLINE Isa::I32 sub_scales(const Block* b, uint8_t*) { return Isa::load_i8(b->scales); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

// Ternary, one scale per tensor: 64 codes per step, two steps a block of 128. Code 3 does not occur in sound files and reads
// as zero.
template <>
struct Codes<FormatId::kI2_S> {
  using Block = BlockI2_S;
  static constexpr int kZero = 1;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) {
    static constexpr int8_t kTable[16] = {0, 1, 2, 1};
    return Isa::lookup16(kTable, Isa::field_dup32<6 - 4 * STEP, 4 - 4 * STEP, 3>(b->qs));
  }
};

}  // namespace
}  // namespace nibble
