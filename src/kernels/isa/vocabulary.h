// What every ISA vocabulary (isa/*.h: struct Isa) must have, as a concept, and what they share. All of them work on the
// same virtual shapes: F32 and I32 have 16 lanes, U8 has 64 bytes (16 groups of 4); a narrower machine uses several
// registers. So every algorithm is written once, and its results are the same bits everywhere.
//
// dot_u7(acc, w, a): acc lane i += sum of 4 products w[4i+k] * a[4i+k], w in [0, 127], a in [-127, 127].
// dot_s8: the same for w in [-128, 127] that went through bias_signed(); the result is too large by
//   kSignedBias * (sum of the same a), which the caller subtracts.
// dot_pairs(acc, a, b): lanes are pairs of int16: acc += a.lo * b.lo + a.hi * b.hi.
// field<N, M>(u): (byte >> N) & M. field_dup32<L, H, M>(p): 32 bytes, shifted by L in the low half and by H in the high half.
// field_dup16<L, H, M>(p0, p1): the same on 16 bytes of p0, then of p1. bits_to_bytes: bit i gives byte i.
// spread2<S>(i): lanes 2S and 2S+1, 8 times each (S below 4); spread4<S>(i): lanes 4S to 4S+3, 4 times each.
// low_halves: lane & 0xFFFF. widen_u8x8: 8 bytes to lanes 0-7, zeros above; widen_i8x16: 16 bytes. widen_u8_pairs(p): 32 bytes to 32 int16, in pairs;
// widen_i8_pairs likewise. store_i16: lanes within int16.
// sum4(v): lane 4l + j is the sum of lanes 4l to 4l+3 of v[j], j below 4. Of four of these, q[0..3]: merge_quarters(q, out): out[k] lane
// 4g + j is q[g] lane 4k + j; merge_halves: even = out[0] + out[1], odd = out[2] + out[3]; merge: the sum of all four.
// transpose_words(rows, words): words[k] lane r is the 32-bit word k of the 16 bytes at rows[r]. load_4x16(p, stride): 16 bytes each from
// p, p + stride, p + 2 stride, p + 3 stride.
// lookup4(table, i): four floats, the same in every group of four lanes, by the two low bits of a lane; lookup16, where kHasLookup16
// says that it is one instruction: sixteen floats by the four low bits. sub_u8 wraps. store_bf16: nearest even, NaN kept.
// widen_half4: four halves to floats in memory. shift_in_bytes<N>: right by N or left by -N; shift_dup32<L, H>(p) and shift_dup16: as field_...;
// all may leave bits of a neighbouring byte where zeros would come in. bits_to_masks: bit i gives byte 0 or 255. select_bits<M>(a, b): (a & M) | (b & ~M); and_xor<A, X>(a): (a & A) ^ X.
// trits(bytes, powers): of each lane the base-3 digit ((byte * power mod 256) * 3) >> 8, powers times 256. widen_u8x16: 16 bytes.
// F64: 16 doubles; reduce_add adds the upper half of the lanes to the lower, again and again. add_wide(sum, p): adds p[i] to lane i.
// sign_beyond(x, t): 1 above t, -1 below -t, else 0.
// store_low_bytes: of each lane, where store_i8 is for lanes within int8.
// kMaxRowColumns: up to so many columns are multiplied with K along the lanes; kTilePanels x kTileColumns: the tile of 16 rows by
// columns that fits the registers beyond that; kFloatRows x kFloatColumns, kAttentionRows x kAttentionVectors likewise.
// round_to_int: nearest, ties to even, |x| < 2^22. max and min give the second operand when they compare unordered or equal.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/half.h"

#define NIBBLE_INLINE inline __attribute__((always_inline))

namespace nibble {
namespace {

// x + 1.5 * 2^23 has its integer part in the low mantissa bits: rounds to even in the default mode, without libm.
NIBBLE_INLINE int32_t round_even_small(float x) {
  return int32_t(__builtin_bit_cast(uint32_t, x + 12582912.0f) - 0x4B400000u);
}

template <class V>
concept Vocabulary = requires(typename V::F32 f, typename V::I32 i, typename V::U8 u, const void* p, float* fp, uint16_t* hp,
                              int8_t* bp, typename V::I32* rows) {
  requires V::kTilePanels >= 1 && V::kTileColumns >= 1 && V::kFloatRows >= 1 && V::kAttentionRows >= 1;
  { V::fma(f, f, f) }; { V::div(f, f) }; { V::sqrt(f) }; { V::abs(f) }; { V::select_less(f, f, f, f) };
  { V::store_bf16(hp, f) }; { V::lookup4(f, i) }; { V::template shift_right<1>(i) }; { V::sub_u8(u, u) }; { V::kHasLookup16 };
  { V::widen_half4(hp, fp) }; { V::template shift_dup16<0, 4>(p, p) }; { V::bits_to_masks(uint64_t{}) };
  { V::reduce_add(V::add(V::add_wide(V::zero_d(), fp), V::zero_d())) }; { V::sign_beyond(f, f) }; { V::store_low_bytes(reinterpret_cast<uint8_t*>(bp), i) }; { V::template shift_in_bytes<-1>(u) }; { V::template shift_dup32<1, -1>(p) }; { V::template select_bits<15>(u, u) };
  { V::template and_xor<31, 16>(u) }; { V::trits(i, i) }; { V::widen_u8x16(static_cast<const uint8_t*>(p)) };
  { V::reduce_add(f) }; { V::reduce_max(f) }; { V::load_half(hp, 3) }; { V::store_half(hp, f, 3) }; { V::load_bf16(hp) };
  { V::to_float(i) }; { V::round_to_int(f) }; { V::bits_to_float(i) }; { V::store_i8(bp, i) }; { V::load_i8(bp) };
  { V::dot_u7(i, u, u) }; { V::dot_s8(i, u, u) }; { V::dot_pairs(i, i, i) }; { V::sum4(rows) }; { V::merge(rows) }; { V::transpose(rows) };
  { V::merge_halves(rows, i, i) }; { V::merge_quarters(rows, rows) }; { V::broadcast4(p) }; { V::lookup16(bp, u) }; { V::bits_to_bytes(uint64_t{}, uint8_t{}) };
  { V::template spread2<1>(i) }; { V::template spread4<1>(i) }; { V::low_halves(i) }; { V::widen_u8x8(uint64_t{}) };
  { V::widen_i8x16(uint64_t{}, uint64_t{}) }; { V::widen_i8_pairs(bp) }; { V::load_2x32(p, p) }; { V::load_4x16(p, size_t{}) }; { V::transpose_words(&p, rows) }; { V::bias_signed(u) };
};

}  // namespace
}  // namespace nibble
