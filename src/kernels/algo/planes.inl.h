// 256 weights of a row as bytes for tiles: (code - zero) * sub_scale, in one plane of signed bytes, or in two where a product needs
// more: product = low + 256 * high, low unsigned and high signed. With activations in [-127, 127] a superblock's sums stay in int32
// with room: |sum of low| <= 255 * 127 * 256 < 2^23, and |product| <= 128 * 128 (Q6_K at most 32 * 128, IQ4_XS 127 * 32, Q5_K 31 * 63,
// Q4_K 15 * 63) gives |high| <= 64, |sum of high| <= 64 * 127 * 256 < 2^21, so |low + 256 * high| < 2^23 + 2^29.
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

}  // namespace
}  // namespace nibble
