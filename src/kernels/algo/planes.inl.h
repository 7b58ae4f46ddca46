// 256 weights of a row as bytes for tiles: (code - zero) * sub_scale, in one plane of signed bytes, or in two where a product needs
// more: product = low + 256 * high, low unsigned and high signed. |product| is at most 32 * 128 (Q6_K; IQ4_XS 127 * 32, Q5_K 31 * 63,
// Q4_K 15 * 63, Q3_K 4 * 32), so |high| <= 16, and with activations in [-127, 127] a superblock's sums stay in int32 with room:
// |sum of low| <= 255 * 127 * 256 < 2^23, |256 * sum of high| <= 256 * 16 * 127 * 256 < 2^27.
#pragma once
#include "kernels/algo/panel_codes.inl.h"

namespace nibble {
namespace {

template <class C>
NIBBLE_INLINE Isa::U8 signed_codes(Isa::U8 codes) {
  if constexpr (C::kZero != 0) return {Isa::Tiles::subtract_bytes(codes.v, C::kZero)};
  return codes;
}

// A plane: (step of 64 values, row, k).
using Plane = uint8_t (*)[16][64];

// Calls step<STEP>() for the four steps of 64 values.
template <class Step>
NIBBLE_INLINE void four_steps(const Step& step) {
  step.template operator()<0>(), step.template operator()<1>(), step.template operator()<2>(), step.template operator()<3>();
}

// What is multiplied in after the products of 256 values of 16 rows.
template <int SUBS>
struct TileParts {
  alignas(64) float scales[16], mins[16];
  alignas(64) int16_t sub_mins[SUBS / 2 + 1][32];  // (pair of sub-blocks, (row, 2))
};

// Of 16 rows: prepare() takes scales and minima apart, row() fills a row of the planes.
template <class C>
struct Planes {
  static constexpr bool kTwo = C::kSubs > 1;
  using Block = typename C::Block;
  struct Scales {};
  static NIBBLE_INLINE void prepare(const Block* const* rows, Scales&, TileParts<C::kSubs>& parts) {
    alignas(64) uint16_t scale_bits[16];
    for (int r = 0; r < 16; ++r) scale_bits[r] = C::scale_bits(rows[r]);
    Isa::store_f(parts.scales, C::load_scales(scale_bits));
    static_assert(!C::kHasMin);
  }
  template <int STEP>
  static NIBBLE_INLINE void step(const Block* b, Isa::I32 scales, int row, Plane low, Plane high) {
    Isa::U8 first = signed_codes<C>(C::template codes<STEP>(b)), second = first;
    if constexpr (kTwo) {
      Isa::Tiles::multiply(first.v, Isa::Tiles::spread_words<C::kSubs, STEP>(scales.v), first.v, second.v);
      Isa::store_u8(high[STEP][row], second);
    }
    Isa::store_u8(low[STEP][row], first);
  }
  static NIBBLE_INLINE void row(const Block* b, const Scales&, int r, Plane low, Plane high) {
    Isa::I32 scales = Isa::set_i(1);
    uint8_t min_bytes[32];
    if constexpr (kTwo) scales = C::sub_scales(b, min_bytes);
    four_steps([&]<int STEP>() { step<STEP>(b, scales, r, low, high); });
  }
};

// Blocks that begin with d and dmin, then six-bit scales.
template <class Block>
NIBBLE_INLINE void prepare_six_bits(const Block* const* rows, int32_t (*scales)[16], TileParts<8>& parts) {
  const Isa::I32 halves = PanelSixBits<Block>::unpack(rows, scales, parts.sub_mins);
  Isa::store_f(parts.scales, {Isa::Tiles::low_half_floats(halves.v)});
  Isa::store_f(parts.mins, {Isa::Tiles::high_half_floats(halves.v)});
}

// The sixteen products of every sub-scale are in a table: the low bytes, then the high ones.
template <>
struct Planes<Codes<FormatId::kQ4_K>> {
  static constexpr bool kTwo = true;
  using C = Codes<FormatId::kQ4_K>;
  struct alignas(32) Products { uint8_t low[16], high[16]; };
  static constexpr auto kProducts = [] {
    struct { Products of[64]; } p = {};
    for (int scale = 0; scale < 64; ++scale)
      for (int code = 0; code < 16; ++code) p.of[scale].low[code] = uint8_t(scale * code), p.of[scale].high[code] = uint8_t(scale * code >> 8);
    return p;
  }();
  struct Scales { alignas(64) int32_t products[8][16]; };  // (sub-block, row): bytes from kProducts
  static NIBBLE_INLINE void prepare(const BlockQ4_K* const* rows, Scales& scales, TileParts<8>& parts) {
    prepare_six_bits(rows, scales.products, parts);
    for (auto& s : scales.products) Isa::store_i(s, Isa::shift_left<5>(Isa::load_i(s)));
  }
  template <int STEP>
  static NIBBLE_INLINE void step(const BlockQ4_K* b, const Scales& scales, int row, Plane low, Plane high) {
    const Isa::U8 codes = C::codes<STEP>(b);
    const uint8_t* const table = kProducts.of[0].low;
    const uint8_t* const first = table + uint32_t(scales.products[2 * STEP][row]);
    const uint8_t* const second = table + uint32_t(scales.products[2 * STEP + 1][row]);
    Isa::store_u8(low[STEP][row], {Isa::Tiles::lookup_halves(first, second, codes.v)});
    Isa::store_u8(high[STEP][row], {Isa::Tiles::lookup_halves(first + 16, second + 16, codes.v)});
  }
  static NIBBLE_INLINE void row(const BlockQ4_K* b, const Scales& s, int r, Plane low, Plane high) {
    four_steps([&]<int STEP>() { step<STEP>(b, s, r, low, high); });
  }
};

// Five bits: multiplied.
template <>
struct Planes<Codes<FormatId::kQ5_K>> {
  static constexpr bool kTwo = true;
  using C = Codes<FormatId::kQ5_K>;
  struct Scales { alignas(64) int32_t of[8][16]; };  // (sub-block, row)
  static NIBBLE_INLINE void prepare(const BlockQ5_K* const* rows, Scales& scales, TileParts<8>& parts) {
    prepare_six_bits(rows, scales.of, parts);
  }
  template <int STEP>
  static NIBBLE_INLINE void step(const BlockQ5_K* b, const Scales& scales, int row, Plane low, Plane high) {
    Isa::U8 first = C::codes<STEP>(b), second;
    Isa::Tiles::multiply(first.v, Isa::Tiles::words_of_halves(scales.of[2 * STEP][row], scales.of[2 * STEP + 1][row]), first.v, second.v);
    Isa::store_u8(low[STEP][row], first);
    Isa::store_u8(high[STEP][row], second);
  }
  static NIBBLE_INLINE void row(const BlockQ5_K* b, const Scales& s, int r, Plane low, Plane high) {
    four_steps([&]<int STEP>() { step<STEP>(b, s, r, low, high); });
  }
};

// Two bits times four: one plane.
template <>
struct Planes<Codes<FormatId::kQ2_K>> {
  static constexpr bool kTwo = false;
  using C = Codes<FormatId::kQ2_K>;
  struct Scales {};
  static NIBBLE_INLINE void prepare(const BlockQ2_K* const* rows, Scales&, TileParts<16>& parts) {
    int32_t scales[16][16];  // row() takes them from where the codes are
    PanelScales<C>::unpack(rows, scales, parts.sub_mins);
    alignas(64) uint16_t scale_bits[16], min_bits[16];
    for (int r = 0; r < 16; ++r) scale_bits[r] = C::scale_bits(rows[r]), min_bits[r] = C::min_bits(rows[r]);
    Isa::store_f(parts.scales, C::load_scales(scale_bits));
    Isa::store_f(parts.mins, C::load_scales(min_bits));
  }
  template <int STEP>
  static NIBBLE_INLINE void step(const BlockQ2_K* b, Isa::I32 tables, int row, Plane low) {
    Isa::store_u8(low[STEP][row], {Isa::Tiles::lookup_quarters<STEP>(tables.v, C::codes<STEP>(b).v)});
  }
  static NIBBLE_INLINE void row(const BlockQ2_K* b, const Scales&, int r, Plane low, Plane) {
    uint8_t min_bytes[32];
    const Isa::I32 tables = Isa::mul(C::sub_scales(b, min_bytes), Isa::set_i(0x03020100));  // at most 3 * 15 a byte
    four_steps([&]<int STEP>() { step<STEP>(b, tables, r, low); });
  }
};

}  // namespace
}  // namespace nibble
