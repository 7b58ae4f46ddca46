// The vocabulary in plain C++: the reference that every other ISA must equal bit for bit, and the x86 baseline.
#pragma once
#include "kernels/isa/vocabulary.h"

namespace nibble {
namespace {

struct Isa {
  static constexpr int kSignedBias = 0;
  static constexpr int kPeakAccumulators = 2;
  static constexpr bool kHasLookup16 = false;
  static constexpr int kMaxRowColumns = 1, kTilePanels = 1, kTileColumns = 2;
  static constexpr int kFloatRows = 2, kFloatColumns = 2;
  static constexpr int kAttentionRows = 1, kAttentionVectors = 1;

  struct F32 { float v[16]; };
  struct I32 { int32_t v[16]; };
  struct U8 { uint8_t v[64]; };
  struct F64 { double v[16]; };

#define LANES for (int i = 0; i < 16; ++i)
#define BYTES for (int i = 0; i < 64; ++i)
  // Floats.
  static NIBBLE_INLINE F32 set_f(float x) { F32 r; LANES r.v[i] = x; return r; }
  static NIBBLE_INLINE F32 load_f(const float* p) { F32 r; LANES r.v[i] = p[i]; return r; }
  static NIBBLE_INLINE F32 load_f(const float* p, int n) { F32 r; LANES r.v[i] = i < n ? p[i] : 0.0f; return r; }
  static NIBBLE_INLINE void store_f(float* p, F32 a) { LANES p[i] = a.v[i]; }
  static NIBBLE_INLINE void store_f(float* p, F32 a, int n) { for (int i = 0; i < n; ++i) p[i] = a.v[i]; }
  static NIBBLE_INLINE F32 add(F32 a, F32 b) { LANES a.v[i] += b.v[i]; return a; }
  static NIBBLE_INLINE F32 sub(F32 a, F32 b) { LANES a.v[i] -= b.v[i]; return a; }
  static NIBBLE_INLINE F32 mul(F32 a, F32 b) { LANES a.v[i] *= b.v[i]; return a; }
  static NIBBLE_INLINE F32 div(F32 a, F32 b) { LANES a.v[i] /= b.v[i]; return a; }
  static NIBBLE_INLINE F32 fma(F32 a, F32 b, F32 c) { LANES c.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]); return c; }
  static NIBBLE_INLINE F32 max(F32 a, F32 b) { LANES a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i]; return a; }
  static NIBBLE_INLINE F32 min(F32 a, F32 b) { LANES a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i]; return a; }
  static NIBBLE_INLINE F32 abs(F32 a) { LANES a.v[i] = __builtin_fabsf(a.v[i]); return a; }
  static NIBBLE_INLINE F32 sqrt(F32 a) { LANES a.v[i] = __builtin_sqrtf(a.v[i]); return a; }
  static NIBBLE_INLINE F32 select_less(F32 a, F32 b, F32 x, F32 y) { LANES x.v[i] = a.v[i] < b.v[i] ? x.v[i] : y.v[i]; return x; }
  static NIBBLE_INLINE float reduce_add(F32 a) {
    for (int width = 8; width; width /= 2) for (int i = 0; i < width; ++i) a.v[i] += a.v[i + width];
    return a.v[0];
  }
  static NIBBLE_INLINE float reduce_max(F32 a) {
    for (int width = 8; width; width /= 2) for (int i = 0; i < width; ++i) a.v[i] = a.v[i] > a.v[i + width] ? a.v[i] : a.v[i + width];
    return a.v[0];
  }
  static NIBBLE_INLINE F32 load_half(const uint16_t* p) { F32 r; LANES r.v[i] = half_to_float(p[i]); return r; }
  static NIBBLE_INLINE F32 load_half(const uint16_t* p, int n) { F32 r; LANES r.v[i] = i < n ? half_to_float(p[i]) : 0.0f; return r; }
  static NIBBLE_INLINE void store_half(uint16_t* p, F32 a) { LANES p[i] = float_to_half(a.v[i]); }
  static NIBBLE_INLINE void store_half(uint16_t* p, F32 a, int n) { for (int i = 0; i < n; ++i) p[i] = float_to_half(a.v[i]); }
  static NIBBLE_INLINE F32 load_bf16(const uint16_t* p) { F32 r; LANES r.v[i] = bfloat16_to_float(p[i]); return r; }
  static NIBBLE_INLINE F32 load_bf16(const uint16_t* p, int n) { F32 r; LANES r.v[i] = i < n ? bfloat16_to_float(p[i]) : 0.0f; return r; }
  static NIBBLE_INLINE void store_bf16(uint16_t* p, F32 a) { LANES p[i] = float_to_bfloat16(a.v[i]); }
  static NIBBLE_INLINE F32 lookup4(F32 table, I32 index) { LANES index.v[i] &= 3; F32 r; LANES r.v[i] = table.v[index.v[i]]; return r; }
  static NIBBLE_INLINE void widen_half4(const uint16_t* p, float* out) { for (int i = 0; i < 4; ++i) out[i] = half_to_float(p[i]); }
  // Integers, 16 lanes of 32 bits.
  static NIBBLE_INLINE I32 set_i(int32_t x) { I32 r; LANES r.v[i] = x; return r; }
  static NIBBLE_INLINE I32 load_i(const int32_t* p) { I32 r; LANES r.v[i] = p[i]; return r; }
  static NIBBLE_INLINE void store_i(int32_t* p, I32 a) { LANES p[i] = a.v[i]; }
  static NIBBLE_INLINE I32 add(I32 a, I32 b) { LANES a.v[i] = int32_t(uint32_t(a.v[i]) + uint32_t(b.v[i])); return a; }
  static NIBBLE_INLINE I32 mul(I32 a, I32 b) { LANES a.v[i] = int32_t(uint32_t(a.v[i]) * uint32_t(b.v[i])); return a; }
  template <int N> static NIBBLE_INLINE I32 shift_right(I32 a) { LANES a.v[i] = int32_t(uint32_t(a.v[i]) >> N); return a; }
  template <int N> static NIBBLE_INLINE I32 shift_left(I32 a) { LANES a.v[i] = int32_t(uint32_t(a.v[i]) << N); return a; }
  static NIBBLE_INLINE F32 bits_to_float(I32 a) { F32 r; LANES r.v[i] = __builtin_bit_cast(float, a.v[i]); return r; }
  static NIBBLE_INLINE F32 to_float(I32 a) { F32 r; LANES r.v[i] = float(a.v[i]); return r; }
  static NIBBLE_INLINE I32 round_to_int(F32 a) { I32 r; LANES r.v[i] = round_even_small(a.v[i]); return r; }
  static NIBBLE_INLINE F32 sign_beyond(F32 a, F32 t) { F32 r; LANES r.v[i] = a.v[i] > t.v[i] ? 1.0f : -a.v[i] > t.v[i] ? -1.0f : 0.0f; return r; }
  // Doubles, 16 lanes.
  static NIBBLE_INLINE F64 zero_d() { return {}; }
  static NIBBLE_INLINE F64 add(F64 a, F64 b) { LANES a.v[i] += b.v[i]; return a; }
  static NIBBLE_INLINE double reduce_add(F64 a) {
    for (int width = 8; width; width /= 2) for (int i = 0; i < width; ++i) a.v[i] += a.v[i + width];
    return a.v[0];
  }
  static NIBBLE_INLINE F64 add_wide(F64 a, const float* p) { LANES a.v[i] += double(p[i]); return a; }
  static NIBBLE_INLINE I32 load_i8(const int8_t* p) { I32 r; LANES r.v[i] = p[i]; return r; }
  static NIBBLE_INLINE void store_i8(int8_t* p, I32 a) { LANES p[i] = int8_t(a.v[i]); }
  static NIBBLE_INLINE void store_low_bytes(uint8_t* p, I32 a) { LANES p[i] = uint8_t(a.v[i]); }
  static NIBBLE_INLINE int32_t reduce_add(I32 a) { int32_t s = 0; LANES s += a.v[i]; return s; }
  static NIBBLE_INLINE I32 broadcast_i(const int32_t* p) { return set_i(*p); }
  template <int STEP> static NIBBLE_INLINE I32 spread2(I32 a) { I32 r; LANES r.v[i] = a.v[2 * STEP + i / 8]; return r; }
  template <int STEP> static NIBBLE_INLINE I32 spread4(I32 a) { I32 r; LANES r.v[i] = a.v[4 * STEP + i / 4]; return r; }
  static NIBBLE_INLINE I32 low_halves(I32 a) { LANES a.v[i] &= 0xFFFF; return a; }
  static NIBBLE_INLINE I32 widen_u8x8(uint64_t bytes) { I32 r; LANES r.v[i] = i < 8 ? int32_t(bytes >> (8 * i) & 255) : 0; return r; }
  static NIBBLE_INLINE I32 widen_u8x16(const uint8_t* p) { I32 r; LANES r.v[i] = p[i]; return r; }
  static NIBBLE_INLINE I32 trits(I32 bytes, I32 powers) { LANES bytes.v[i] = (bytes.v[i] * powers.v[i] & 0xFFFF) * 3 >> 16; return bytes; }
  static NIBBLE_INLINE I32 widen_i8x16(uint64_t low, uint64_t high) { I32 r; LANES r.v[i] = int8_t((i < 8 ? low : high) >> (8 * (i % 8))); return r; }
  static NIBBLE_INLINE I32 widen_u8_pairs(const uint8_t* p) { I32 r; LANES r.v[i] = p[2 * i] | p[2 * i + 1] << 16; return r; }
  static NIBBLE_INLINE I32 widen_i8_pairs(const int8_t* p) {
    I32 r; LANES r.v[i] = int32_t(uint32_t(uint16_t(int16_t(p[2 * i]))) | uint32_t(uint16_t(int16_t(p[2 * i + 1]))) << 16); return r;
  }
  static NIBBLE_INLINE void store_i16(int16_t* p, I32 a) { LANES p[i] = int16_t(a.v[i]); }
  // Bytes.
  static NIBBLE_INLINE U8 load_u8(const void* p) { U8 r; __builtin_memcpy(r.v, p, 64); return r; }
  static NIBBLE_INLINE void store_u8(void* p, U8 a) { __builtin_memcpy(p, a.v, 64); }
  static NIBBLE_INLINE U8 set_u8(uint8_t x) { U8 r; BYTES r.v[i] = x; return r; }
  static NIBBLE_INLINE U8 bit_or(U8 a, U8 b) { BYTES a.v[i] |= b.v[i]; return a; }
  static NIBBLE_INLINE U8 sub_u8(U8 a, U8 b) { BYTES a.v[i] = uint8_t(a.v[i] - b.v[i]); return a; }
  template <int MASK> static NIBBLE_INLINE U8 select_bits(U8 a, U8 b) { BYTES a.v[i] = uint8_t((a.v[i] & MASK) | (b.v[i] & ~MASK)); return a; }
  template <int AND, int XOR> static NIBBLE_INLINE U8 and_xor(U8 a) { BYTES a.v[i] = uint8_t((a.v[i] & AND) ^ XOR); return a; }
  template <int N> static NIBBLE_INLINE uint8_t shifted(uint8_t x) { return uint8_t(N < 0 ? x << (N < 0 ? -N : 0) : x >> (N < 0 ? 0 : N)); }
  template <int N> static NIBBLE_INLINE U8 shift_in_bytes(U8 a) { BYTES a.v[i] = shifted<N>(a.v[i]); return a; }
  template <int LOW, int HIGH> static NIBBLE_INLINE U8 shift_dup32(const void* p) {
    const uint8_t* b = static_cast<const uint8_t*>(p);
    U8 r; BYTES r.v[i] = i < 32 ? shifted<LOW>(b[i]) : shifted<HIGH>(b[i - 32]); return r;
  }
  template <int N, int MASK> static NIBBLE_INLINE U8 field(U8 a) { BYTES a.v[i] = uint8_t((a.v[i] >> N) & MASK); return a; }
  template <int N> static NIBBLE_INLINE U8 shift_left(U8 a) { BYTES a.v[i] = uint8_t(a.v[i] << N); return a; }
  template <int LOW, int HIGH, int MASK> static NIBBLE_INLINE U8 field_dup32(const void* p) {
    const uint8_t* b = static_cast<const uint8_t*>(p);
    U8 r; BYTES r.v[i] = uint8_t((b[i % 32] >> (i < 32 ? LOW : HIGH)) & MASK); return r;
  }
  template <int LOW, int HIGH, int MASK> static NIBBLE_INLINE U8 field_dup16(const void* p0, const void* p1) {
    const uint8_t *a = static_cast<const uint8_t*>(p0), *b = static_cast<const uint8_t*>(p1);
    U8 r;  // of `(i < 32 ? a : b)[i % 16]` g++ 12 makes a[...] for all i where it looks for undefined behaviour
    for (int i = 0; i < 32; ++i) {
      r.v[i] = uint8_t((a[i % 16] >> (i < 16 ? LOW : HIGH)) & MASK);
      r.v[i + 32] = uint8_t((b[i % 16] >> (i < 16 ? LOW : HIGH)) & MASK);
    }
    return r;
  }
  template <int LOW, int HIGH> static NIBBLE_INLINE U8 shift_dup16(const void* p0, const void* p1) { return field_dup16<LOW, HIGH, 255>(p0, p1); }
  static NIBBLE_INLINE U8 load_2x32(const void* p0, const void* p1) {
    U8 r; __builtin_memcpy(r.v, p0, 32); __builtin_memcpy(r.v + 32, p1, 32); return r;
  }
  static NIBBLE_INLINE U8 load_4x16(const void* p, size_t stride) {
    U8 r;
    for (size_t i = 0; i < 4; ++i) __builtin_memcpy(r.v + 16 * i, static_cast<const char*>(p) + i * stride, 16);
    return r;
  }
  static NIBBLE_INLINE U8 lookup16(const int8_t* table, U8 index) { BYTES index.v[i] = uint8_t(table[index.v[i] & 15]); return index; }
  static NIBBLE_INLINE U8 bits_to_masks(uint64_t bits) { return bits_to_bytes(bits, 0xFF); }
  static NIBBLE_INLINE U8 bits_to_bytes(uint64_t bits, uint8_t value) { U8 r; BYTES r.v[i] = (bits >> i) & 1 ? value : 0; return r; }
  static NIBBLE_INLINE U8 bias_signed(U8 a) { return a; }
  static NIBBLE_INLINE U8 broadcast4(const void* p) { U8 r; BYTES r.v[i] = static_cast<const uint8_t*>(p)[i % 4]; return r; }
  static NIBBLE_INLINE I32 dot_s8(I32 acc, U8 w, U8 a) { BYTES acc.v[i / 4] += int8_t(w.v[i]) * int8_t(a.v[i]); return acc; }
  static NIBBLE_INLINE I32 dot_u7(I32 acc, U8 w, U8 a) { return dot_s8(acc, w, a); }
  static NIBBLE_INLINE I32 dot_pairs(I32 acc, I32 a, I32 b) {
    LANES acc.v[i] += int16_t(a.v[i]) * int16_t(b.v[i]) + (a.v[i] >> 16) * (b.v[i] >> 16);
    return acc;
  }
  static NIBBLE_INLINE U8 as_bytes(I32 a) { return __builtin_bit_cast(U8, a); }
  static NIBBLE_INLINE I32 as_ints(U8 a) { return __builtin_bit_cast(I32, a); }
  static NIBBLE_INLINE I32 sum4(const I32* v) {
    I32 r;
    LANES {
      const int32_t* lanes = v[i % 4].v + i / 4 * 4;
      r.v[i] = lanes[0] + lanes[1] + lanes[2] + lanes[3];
    }
    return r;
  }
  static NIBBLE_INLINE void merge_quarters(const I32* q, I32* out) {
    for (int k = 0; k < 4; ++k) LANES out[k].v[i] = q[i / 4].v[4 * k + i % 4];
  }
  static NIBBLE_INLINE void merge_halves(const I32* q, I32& even, I32& odd) {
    I32 quarters[4];
    merge_quarters(q, quarters);
    even = add(quarters[0], quarters[1]), odd = add(quarters[2], quarters[3]);
  }
  static NIBBLE_INLINE I32 merge(const I32* q) {
    I32 even, odd;
    merge_halves(q, even, odd);
    return add(even, odd);
  }
  static NIBBLE_INLINE void transpose_words(const void* const* rows, I32* words) {
    for (int k = 0; k < 4; ++k) LANES __builtin_memcpy(words[k].v + i, static_cast<const char*>(rows[i]) + 4 * k, 4);
  }
  static NIBBLE_INLINE void transpose(I32* v) {
    for (int r = 0; r < 16; ++r)
      for (int c = 0; c < r; ++c) { const int32_t t = v[r].v[c]; v[r].v[c] = v[c].v[r]; v[c].v[r] = t; }
  }
#undef LANES
#undef BYTES
};

}  // namespace
}  // namespace nibble
