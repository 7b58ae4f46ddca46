// 256 weights of a row as bytes for tiles: (code - zero) * sub_scale, in one plane of signed bytes, or in two where a product needs
// more: product = low + 256 * high, low unsigned and high signed. |product| is at most 32 * 128 (Q6_K; IQ4_XS 127 * 32, Q5_K 31 * 63,
// Q4_K 15 * 63, Q3_K 4 * 32), so |high| <= 16, and with activations in [-127, 127] a superblock's sums stay in int32 with room:
// |sum of low| <= 255 * 127 * 256 < 2^23, |256 * sum of high| <= 256 * 16 * 127 * 256 < 2^27.
#pragma once
#include "kernels/algo/codes.inl.h"

namespace nibble {
namespace {

template <class C>
NIBBLE_INLINE Isa::U8 signed_codes(Isa::U8 codes) {
  if constexpr (C::kZero != 0) return {Isa::Tiles::subtract_bytes(codes.v, C::kZero)};
  return codes;
}

// Steps of 64 codes are kPlaneStep bytes apart.
inline constexpr int kPlaneStep = 16 * 64;

template <class C>
struct Planes {
  static constexpr bool kTwo = C::kSubs > 1;
  using Block = typename C::Block;
  template <int STEP>
  static NIBBLE_INLINE void step(const Block* b, Isa::I32 scales, uint8_t* low, uint8_t* high) {
    Isa::U8 first = signed_codes<C>(C::template codes<STEP>(b)), second = first;
    if constexpr (kTwo) {
      Isa::Tiles::multiply(first.v, Isa::Tiles::spread_words<C::kSubs, STEP>(scales.v), first.v, second.v);
      Isa::store_u8(high + kPlaneStep * STEP, second);
    }
    Isa::store_u8(low + kPlaneStep * STEP, first);
  }
  // mins: the sub-minima, where there are some.
  static NIBBLE_INLINE void fill(const Block* b, uint8_t* mins, uint8_t* low, uint8_t* high) {
    Isa::I32 scales = Isa::set_i(1);
    if constexpr (kTwo) scales = C::sub_scales(b, mins);
    step<0>(b, scales, low, high), step<1>(b, scales, low, high), step<2>(b, scales, low, high), step<3>(b, scales, low, high);
  }
};

// The sixteen products of every sub-scale are in a table: the low bytes, then the high ones.
template <>
struct Planes<Codes<FormatId::kQ4_K>> {
  static constexpr bool kTwo = true;
  struct Products { alignas(64) uint8_t low[64][16], high[64][16]; };
  static constexpr Products kProducts = [] {
    Products p = {};
    for (int scale = 0; scale < 64; ++scale)
      for (int code = 0; code < 16; ++code) p.low[scale][code] = uint8_t(scale * code & 255), p.high[scale][code] = uint8_t(scale * code >> 8);
    return p;
  }();
  template <int STEP>
  static NIBBLE_INLINE void step(const BlockQ4_K* b, uint64_t scales, uint8_t* low, uint8_t* high) {
    const Isa::U8 codes = Codes<FormatId::kQ4_K>::codes<STEP>(b);
    const int first = int(scales >> (16 * STEP) & 255), second = int(scales >> (16 * STEP + 8) & 255);
    Isa::store_u8(low + kPlaneStep * STEP, {Isa::Tiles::lookup_halves(kProducts.low[first], kProducts.low[second], codes.v)});
    Isa::store_u8(high + kPlaneStep * STEP, {Isa::Tiles::lookup_halves(kProducts.high[first], kProducts.high[second], codes.v)});
  }
  static NIBBLE_INLINE void fill(const BlockQ4_K* b, uint8_t* mins, uint8_t* low, uint8_t* high) {
    const uint64_t scales = unpack_six_bits(b->scales, mins);
    step<0>(b, scales, low, high), step<1>(b, scales, low, high), step<2>(b, scales, low, high), step<3>(b, scales, low, high);
  }
};

// Two bits times four: one plane.
template <>
struct Planes<Codes<FormatId::kQ2_K>> {
  static constexpr bool kTwo = false;
  using C = Codes<FormatId::kQ2_K>;
  template <int STEP>
  static NIBBLE_INLINE void step(const BlockQ2_K* b, Isa::I32 tables, uint8_t* low) {
    Isa::store_u8(low + kPlaneStep * STEP, {Isa::Tiles::lookup_quarters<STEP>(tables.v, C::codes<STEP>(b).v)});
  }
  static NIBBLE_INLINE void fill(const BlockQ2_K* b, uint8_t* mins, uint8_t* low, uint8_t*) {
    const Isa::I32 tables = Isa::mul(C::sub_scales(b, mins), Isa::set_i(0x03020100));  // at most 3 * 15 a byte
    step<0>(b, tables, low), step<1>(b, tables, low), step<2>(b, tables, low), step<3>(b, tables, low);
  }
};

}  // namespace
}  // namespace nibble
