// Between a format's block and integer codes, scales and offsets, once for every ISA. One contract:
//   w = d * sub_scale * (code - kZero) - dmin * sub_min,  code in [0, 127], or in [-128, 127] where kSigned.
// Formats of 32 values give 64 codes of two neighbouring blocks at a time; superblocks give 64 codes per step of four.
// Codes come in the natural order of the values.
#pragma once
#include "formats/quant_formats.h"
#include "kernels/isa/vocabulary.h"

namespace nibble {
namespace {

template <FormatId ID>
struct Codes;

template <>
struct Codes<FormatId::kQ4_0> {
  using Block = BlockQ4_0;
  static constexpr int kZero = 8;
  static constexpr bool kSigned = false, kHasMin = false;
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) { return Isa::field_dup16<0, 4, 15>(a->qs, b->qs); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

template <>
struct Codes<FormatId::kQ8_0> {
  using Block = BlockQ8_0;
  static constexpr int kZero = 0;
  static constexpr bool kSigned = true, kHasMin = false;
  static NIBBLE_INLINE Isa::U8 codes(const Block* a, const Block* b) { return Isa::load_2x32(a->qs, b->qs); }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
};

// The six-bit scales and minima of Q4_K and Q5_K: eight of each in 12 bytes.
NIBBLE_INLINE void unpack_six_bits(const uint8_t* packed, uint8_t* scales, uint8_t* mins) {
  uint32_t a, b, c;
  __builtin_memcpy(&a, packed, 4);
  __builtin_memcpy(&b, packed + 4, 4);
  __builtin_memcpy(&c, packed + 8, 4);
  const uint32_t scale_words[2] = {a & 0x3F3F3F3Fu, (c & 0x0F0F0F0Fu) | ((a >> 2) & 0x30303030u)};
  const uint32_t min_words[2] = {b & 0x3F3F3F3Fu, ((c >> 4) & 0x0F0F0F0Fu) | ((b >> 2) & 0x30303030u)};
  __builtin_memcpy(scales, scale_words, 8);
  __builtin_memcpy(mins, min_words, 8);
}

template <>
struct Codes<FormatId::kQ4_K> {
  using Block = BlockQ4_K;
  static constexpr int kZero = 0, kSubs = 8;
  static constexpr bool kSigned = false, kHasMin = true;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 codes(const Block* b) { return Isa::field_dup32<0, 4, 15>(b->qs + 32 * STEP); }
  static NIBBLE_INLINE void sub_scales(const Block* b, int32_t* scales, int16_t* mins) {
    uint8_t s[8], m[8];
    unpack_six_bits(b->scales, s, m);
    for (int i = 0; i < 8; ++i) scales[i] = s[i], mins[i] = m[i];
  }
  static NIBBLE_INLINE uint16_t scale_bits(const Block* b) { return b->d; }
  static NIBBLE_INLINE uint16_t min_bits(const Block* b) { return b->dmin; }
};

template <>
struct Codes<FormatId::kQ6_K> {
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
  static NIBBLE_INLINE void sub_scales(const Block* b, int32_t* scales, int16_t*) {
    Isa::store_i(scales, Isa::load_i8(b->scales));
  }
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
