// Codes and integer sub-scales of sixteen rows, interleaved by 4 bytes of K, so that every 32-bit lane is a row. Where a byte holds
// several codes it is transposed before it is unpacked: it moves once. Headers of superblocks become lanes before their
// bits are taken apart.
#pragma once
#include "kernels/algo/codes.inl.h"

namespace nibble {
namespace {

template <class C>
NIBBLE_INLINE void store_panel_codes(uint8_t* out, Isa::U8 w) {
  if constexpr (C::kSigned) w = Isa::bias_signed(w);
  Isa::store_u8(out, w);
}

// Words k of `bytes` bytes at rows[r] + at, one vector each.
template <class Block>
NIBBLE_INLINE void transpose_bytes(const Block* const* rows, size_t at, Isa::I32* words) {
  for (int r = 0; r < 16; ++r) words[r] = Isa::as_ints(Isa::load_u8(reinterpret_cast<const uint8_t*>(rows[r]) + at));
  Isa::transpose(words);
}

// Any format: codes are unpacked, then transposed.
template <class C, int STEP>
NIBBLE_INLINE void unpack_step(const typename C::Block* const* rows, uint8_t (*codes)[64]) {
  Isa::I32 v[16];
  for (int r = 0; r < 16; ++r) v[r] = Isa::as_ints(C::template codes<STEP>(rows[r]));
  Isa::transpose(v);
  for (int k = 0; k < 16; ++k) store_panel_codes<C>(codes[16 * STEP + k], Isa::as_bytes(v[k]));
}

// The 256 codes of a superblock, 64 vectors.
template <class C>
struct PanelCodes {
  static NIBBLE_INLINE void unpack(const typename C::Block* const* rows, uint8_t (*codes)[64]) {
    unpack_step<C, 0>(rows, codes);
    unpack_step<C, 1>(rows, codes);
    unpack_step<C, 2>(rows, codes);
    unpack_step<C, 3>(rows, codes);
  }
};

template <>
struct PanelCodes<Codes<FormatId::kQ4_K>> {
  static NIBBLE_INLINE void unpack(const BlockQ4_K* const* rows, uint8_t (*codes)[64]) {
    for (int half = 0; half < 2; ++half, codes += 32) {
      Isa::I32 words[16];
      transpose_bytes(rows, offsetof(BlockQ4_K, qs) + 64 * size_t(half), words);
      for (int k = 0; k < 16; ++k) {
        const Isa::U8 both = Isa::as_bytes(words[k]);
        uint8_t (*out)[64] = codes + 16 * (k / 8) + k % 8;
        Isa::store_u8(out[0], Isa::field<0, 15>(both));
        Isa::store_u8(out[8], Isa::field<4, 15>(both));
      }
    }
  }
};

template <>
struct PanelCodes<Codes<FormatId::kQ5_K>> {
  template <int STEP>
  static NIBBLE_INLINE void unpack_step(const Isa::I32* low, const Isa::I32* high, uint8_t (*codes)[64]) {
    for (int k = 0; k < 8; ++k) {
      const Isa::U8 nibbles = Isa::as_bytes(low[k]), bits = Isa::as_bytes(high[k]);
      uint8_t (*out)[64] = codes + 16 * STEP + k;
      Isa::store_u8(out[0], Isa::bit_or(Isa::field<0, 15>(nibbles), Isa::shift_left<4>(Isa::field<2 * STEP, 1>(bits))));
      Isa::store_u8(out[8], Isa::bit_or(Isa::field<4, 15>(nibbles), Isa::shift_left<4>(Isa::field<2 * STEP + 1, 1>(bits))));
    }
  }
  static NIBBLE_INLINE void unpack(const BlockQ5_K* const* rows, uint8_t (*codes)[64]) {
    static_assert(offsetof(BlockQ5_K, qs) == offsetof(BlockQ5_K, qh) + 32);
    constexpr size_t kLow = offsetof(BlockQ5_K, qs);
    Isa::I32 high[16], low[16];
    transpose_bytes(rows, kLow - 32, high);  // the high bits, then the first 64 codes' nibbles
    unpack_step<0>(high + 8, high, codes);
    transpose_bytes(rows, kLow + 32, low);
    unpack_step<1>(low, high, codes);
    unpack_step<2>(low + 8, high, codes);
    transpose_bytes(rows, kLow + 64, low);
    unpack_step<3>(low + 8, high, codes);
  }
};

template <>
struct PanelCodes<Codes<FormatId::kQ6_K>> {
  // 128 codes: nibbles of 64 bytes, pairs of bits of 32.
  static NIBBLE_INLINE void unpack_half(const Isa::I32* low, const Isa::I32* high, uint8_t (*codes)[64]) {
    for (int k = 0; k < 8; ++k) {
      const Isa::U8 bits = Isa::as_bytes(high[k]), first = Isa::as_bytes(low[k]), second = Isa::as_bytes(low[k + 8]);
      Isa::store_u8(codes[k], Isa::bit_or(Isa::field<0, 15>(first), Isa::shift_left<4>(Isa::field<0, 3>(bits))));
      Isa::store_u8(codes[k + 8], Isa::bit_or(Isa::field<0, 15>(second), Isa::shift_left<4>(Isa::field<2, 3>(bits))));
      Isa::store_u8(codes[k + 16], Isa::bit_or(Isa::field<4, 15>(first), Isa::shift_left<4>(Isa::field<4, 3>(bits))));
      Isa::store_u8(codes[k + 24], Isa::bit_or(Isa::field<4, 15>(second), Isa::shift_left<4>(Isa::field<6, 3>(bits))));
    }
  }
  static NIBBLE_INLINE void unpack(const BlockQ6_K* const* rows, uint8_t (*codes)[64]) {
    Isa::I32 high[16], low[16];
    transpose_bytes(rows, offsetof(BlockQ6_K, qh), high);
    for (int half = 0; half < 2; ++half) {
      transpose_bytes(rows, offsetof(BlockQ6_K, ql) + 64 * size_t(half), low);
      unpack_half(low, high + 8 * half, codes + 32 * half);
    }
  }
};

// Two bits of 256 values in 64 bytes.
template <class C>
struct PanelTwoBits {
  static NIBBLE_INLINE void unpack(const typename C::Block* const* rows, uint8_t (*codes)[64]) {
    Isa::I32 words[16];
    transpose_bytes(rows, offsetof(typename C::Block, qs), words);
    for (int k = 0; k < 16; ++k) {
      const Isa::U8 four = Isa::as_bytes(words[k]);
      uint8_t (*out)[64] = codes + 32 * (k / 8) + k % 8;
      Isa::store_u8(out[0], Isa::field<0, 3>(four));
      Isa::store_u8(out[8], Isa::field<2, 3>(four));
      Isa::store_u8(out[16], Isa::field<4, 3>(four));
      Isa::store_u8(out[24], Isa::field<6, 3>(four));
    }
  }
};
template <>
struct PanelCodes<Codes<FormatId::kQ2_K>> : PanelTwoBits<Codes<FormatId::kQ2_K>> {};
template <>
struct PanelCodes<Codes<FormatId::kTQ2_0>> : PanelTwoBits<Codes<FormatId::kTQ2_0>> {};

// A value's code from its nibble, in formats that keep nothing but a nibble in qs: 16 bytes give 16 low ones, then 16 high ones.
template <class C>
concept HasNibbles = requires(Isa::U8 nibbles) { C::from_nibbles(nibbles); };

// 16 words of 64 bytes, four times 16, to 32 vectors of codes.
template <class C>
NIBBLE_INLINE void store_nibbles(Isa::I32* words, uint8_t (*codes)[64]) {
  Isa::transpose(words);
  for (int k = 0; k < 16; ++k) {
    const Isa::U8 both = Isa::as_bytes(words[k]);
    uint8_t (*out)[64] = codes + 8 * (k / 4) + k % 4;
    store_panel_codes<C>(out[0], C::from_nibbles(Isa::field<0, 15>(both)));
    store_panel_codes<C>(out[4], C::from_nibbles(Isa::field<4, 15>(both)));
  }
}

template <>
struct PanelCodes<Codes<FormatId::kIQ4_XS>> {
  static NIBBLE_INLINE void unpack(const BlockIQ4_XS* const* rows, uint8_t (*codes)[64]) {
    for (int half = 0; half < 2; ++half) {
      Isa::I32 words[16];
      for (int r = 0; r < 16; ++r) words[r] = Isa::as_ints(Isa::load_u8(rows[r]->qs + 64 * half));
      store_nibbles<Codes<FormatId::kIQ4_XS>>(words, codes + 32 * half);
    }
  }
};

// Byte `at` (0-3) of every lane, at most 127 or signed.
NIBBLE_INLINE Isa::I32 byte_of(Isa::U8 words, int at) {
  return Isa::dot_u7(Isa::set_i(0), Isa::as_bytes(Isa::set_i(1 << 8 * at)), words);
}

// Sub-scales 4i to 4i+3 (sub-minima: two pairs) from the bytes of words i.
NIBBLE_INLINE void store_sub_scales(Isa::U8 words, int i, int32_t (*out)[16]) {
  for (int k = 0; k < 4; ++k) Isa::store_i(out[4 * i + k], byte_of(words, k));
}
NIBBLE_INLINE void store_sub_mins(Isa::U8 words, int i, int16_t (*out)[32]) {
  for (int k = 0; k < 2; ++k)
    Isa::store_i(reinterpret_cast<int32_t*>(out[2 * i + k]),
                 Isa::add(byte_of(words, 2 * k), Isa::shift_left<16>(byte_of(words, 2 * k + 1))));
}

// Sub-scales (sub-block, row), sub-minima (pair of sub-blocks, (row, 2)), row by row.
template <class C>
struct PanelScales {
  static NIBBLE_INLINE void unpack(const typename C::Block* const* rows, int32_t (*scales)[16], int16_t (*mins)[32]) {
    alignas(64) uint8_t min_bytes[16][32];
    Isa::I32 v[16];
    for (int r = 0; r < 16; ++r) v[r] = C::sub_scales(rows[r], min_bytes[r]);
    Isa::transpose(v);
    for (int s = 0; s < C::kSubs; ++s) Isa::store_i(scales[s], v[s]);
    if constexpr (C::kHasMin) {
      for (int r = 0; r < 16; ++r) v[r] = Isa::widen_u8_pairs(min_bytes[r]);
      Isa::transpose(v);
      for (int s = 0; s < C::kSubs / 2; ++s) Isa::store_i(reinterpret_cast<int32_t*>(mins[s]), v[s]);
    }
  }
};

// The six-bit scales and minima of Q4_K and Q5_K (unpack_six_bits), of all rows at once. Returns the four bytes before them, d and dmin.
template <class Block>
struct PanelSixBits {
  static NIBBLE_INLINE Isa::I32 unpack(const Block* const* rows, int32_t (*scales)[16], int16_t (*mins)[32]) {
    static_assert(offsetof(Block, scales) == 4);
    const void* headers[16];
    for (int r = 0; r < 16; ++r) headers[r] = rows[r];
    Isa::I32 words[4];
    Isa::transpose_words(headers, words);
    const Isa::U8 a = Isa::as_bytes(words[1]), b = Isa::as_bytes(words[2]), c = Isa::as_bytes(words[3]);
    store_sub_scales(Isa::field<0, 63>(a), 0, scales);
    store_sub_scales(Isa::bit_or(Isa::field<0, 15>(c), Isa::field<2, 48>(a)), 1, scales);
    store_sub_mins(Isa::field<0, 63>(b), 0, mins);
    store_sub_mins(Isa::bit_or(Isa::field<4, 15>(c), Isa::field<2, 48>(b)), 1, mins);
    return words[0];
  }
};
template <>
struct PanelScales<Codes<FormatId::kQ4_K>> : PanelSixBits<BlockQ4_K> {};
template <>
struct PanelScales<Codes<FormatId::kQ5_K>> : PanelSixBits<BlockQ5_K> {};

template <>
struct PanelScales<Codes<FormatId::kQ2_K>> {
  static NIBBLE_INLINE void unpack(const BlockQ2_K* const* rows, int32_t (*scales)[16], int16_t (*mins)[32]) {
    const void* headers[16];
    for (int r = 0; r < 16; ++r) headers[r] = rows[r]->scales;
    Isa::I32 words[4];
    Isa::transpose_words(headers, words);
    for (int i = 0; i < 4; ++i) {
      store_sub_scales(Isa::field<0, 15>(Isa::as_bytes(words[i])), i, scales);
      store_sub_mins(Isa::field<4, 15>(Isa::as_bytes(words[i])), i, mins);
    }
  }
};

template <>
struct PanelScales<Codes<FormatId::kQ6_K>> {
  static NIBBLE_INLINE void unpack(const BlockQ6_K* const* rows, int32_t (*scales)[16], int16_t (*)[32]) {
    const void* headers[16];
    for (int r = 0; r < 16; ++r) headers[r] = rows[r]->scales;
    Isa::I32 words[4];
    Isa::transpose_words(headers, words);
    for (int i = 0; i < 4; ++i) store_sub_scales(Isa::as_bytes(words[i]), i, scales);
  }
};

// Up to eight blocks of 32 values.
template <class C>
NIBBLE_INLINE void unpack_block_codes(const typename C::Block* const* rows, int count, uint8_t (*codes)[64]) {
  static constexpr typename C::Block kNoBlock{};
  int i = 0;
  if constexpr (HasNibbles<C>) {
    for (; i + 4 <= count; i += 4) {
      Isa::I32 words[16];
      for (int r = 0; r < 16; ++r) words[r] = Isa::as_ints(Isa::load_4x16(rows[r][i].qs, sizeof(typename C::Block)));
      store_nibbles<C>(words, codes + 8 * i);
    }
  }
  for (; i < count; i += 2) {
    Isa::I32 v[16];
    for (int r = 0; r < 16; ++r) v[r] = Isa::as_ints(C::codes(rows[r] + i, i + 1 < count ? rows[r] + i + 1 : &kNoBlock));
    Isa::transpose(v);
    for (int k = 0; k < 16; ++k) store_panel_codes<C>(codes[8 * i + k], Isa::as_bytes(v[k]));
  }
}

}  // namespace
}  // namespace nibble
