// ARMv8.2 with dot product, four registers a vector; with i8mm the tiles of many columns use 2x2x8 matrix multiply.
#pragma once
#include <arm_neon.h>

#include "kernels/isa/vocabulary.h"

namespace nibble {
namespace {

struct Isa {
  static constexpr int kSignedBias = 0;
  static constexpr int kPeakAccumulators = 6;
  static constexpr bool kHasLookup16 = false;
#if defined(__ARM_FEATURE_MATMUL_INT8)
  static constexpr int kTileColumns = 4;
#else
  static constexpr int kTileColumns = 3;
#endif
  static constexpr int kMaxRowColumns = 3, kTilePanels = 1;
  static constexpr int kFloatRows = 2, kFloatColumns = 2;
  static constexpr int kAttentionRows = 2, kAttentionVectors = 2;

  struct F32 { float32x4_t v[4]; };
  struct I32 { int32x4_t v[4]; };
  struct U8 { uint8x16_t v[4]; };
  struct F64 { float64x2_t v[8]; };

#define QUARTERS for (int i = 0; i < 4; ++i)
  // Floats.
  static NIBBLE_INLINE F32 set_f(float x) { F32 r; QUARTERS r.v[i] = vdupq_n_f32(x); return r; }
  static NIBBLE_INLINE F32 load_f(const float* p) { F32 r; QUARTERS r.v[i] = vld1q_f32(p + 4 * i); return r; }
  static NIBBLE_INLINE F32 load_f(const float* p, int n) {
    float copy[16] = {};
    for (int i = 0; i < n; ++i) copy[i] = p[i];
    return load_f(copy);
  }
  static NIBBLE_INLINE void store_f(float* p, F32 x) { QUARTERS vst1q_f32(p + 4 * i, x.v[i]); }
  static NIBBLE_INLINE void store_f(float* p, F32 x, int n) {
    float copy[16];
    store_f(copy, x);
    for (int i = 0; i < n; ++i) p[i] = copy[i];
  }
  static NIBBLE_INLINE F32 add(F32 x, F32 y) { QUARTERS x.v[i] = vaddq_f32(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE F32 sub(F32 x, F32 y) { QUARTERS x.v[i] = vsubq_f32(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE F32 mul(F32 x, F32 y) { QUARTERS x.v[i] = vmulq_f32(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE F32 div(F32 x, F32 y) { QUARTERS x.v[i] = vdivq_f32(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE F32 fma(F32 x, F32 y, F32 z) { QUARTERS z.v[i] = vfmaq_f32(z.v[i], x.v[i], y.v[i]); return z; }
  // Not vmaxq: it treats NaN and signed zeros in its own way.
  static NIBBLE_INLINE float32x4_t larger(float32x4_t x, float32x4_t y) { return vbslq_f32(vcgtq_f32(x, y), x, y); }
  static NIBBLE_INLINE F32 max(F32 x, F32 y) { QUARTERS x.v[i] = larger(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE F32 min(F32 x, F32 y) { QUARTERS x.v[i] = vbslq_f32(vcltq_f32(x.v[i], y.v[i]), x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE F32 abs(F32 x) { QUARTERS x.v[i] = vabsq_f32(x.v[i]); return x; }
  static NIBBLE_INLINE F32 sqrt(F32 x) { QUARTERS x.v[i] = vsqrtq_f32(x.v[i]); return x; }
  static NIBBLE_INLINE F32 select_less(F32 p, F32 q, F32 x, F32 y) {
    QUARTERS x.v[i] = vbslq_f32(vcltq_f32(p.v[i], q.v[i]), x.v[i], y.v[i]);
    return x;
  }
  static NIBBLE_INLINE float reduce_add(F32 x) {
    const float32x4_t c = vaddq_f32(vaddq_f32(x.v[0], x.v[2]), vaddq_f32(x.v[1], x.v[3]));
    const float32x2_t d = vadd_f32(vget_low_f32(c), vget_high_f32(c));
    return vget_lane_f32(d, 0) + vget_lane_f32(d, 1);
  }
  static NIBBLE_INLINE float reduce_max(F32 x) {
    const float32x4_t c = larger(larger(x.v[0], x.v[2]), larger(x.v[1], x.v[3]));
    const float32x2_t low = vget_low_f32(c), high = vget_high_f32(c), d = vbsl_f32(vcgt_f32(low, high), low, high);
    const float p = vget_lane_f32(d, 0), q = vget_lane_f32(d, 1);
    return p > q ? p : q;
  }
  static NIBBLE_INLINE F32 load_half(const uint16_t* p) {
    F32 r;
    QUARTERS r.v[i] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i)));
    return r;
  }
  static NIBBLE_INLINE F32 load_half(const uint16_t* p, int n) {
    uint16_t copy[16] = {};
    for (int i = 0; i < n; ++i) copy[i] = p[i];
    return load_half(copy);
  }
  static NIBBLE_INLINE void store_half(uint16_t* p, F32 x) { QUARTERS vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(x.v[i]))); }
  static NIBBLE_INLINE void store_half(uint16_t* p, F32 x, int n) {
    uint16_t copy[16];
    store_half(copy, x);
    for (int i = 0; i < n; ++i) p[i] = copy[i];
  }
  static NIBBLE_INLINE F32 load_bf16(const uint16_t* p) {
    F32 r;
    QUARTERS r.v[i] = vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16));
    return r;
  }
  static NIBBLE_INLINE F32 load_bf16(const uint16_t* p, int n) {
    uint16_t copy[16] = {};
    for (int i = 0; i < n; ++i) copy[i] = p[i];
    return load_bf16(copy);
  }
  static NIBBLE_INLINE void store_bf16(uint16_t* p, F32 x) {
    QUARTERS {
      const uint32x4_t bits = vreinterpretq_u32_f32(x.v[i]), half = vshrq_n_u32(bits, 16);
      const uint32x4_t tie = vaddq_u32(vandq_u32(half, vdupq_n_u32(1)), vdupq_n_u32(0x7FFF));
      const uint32x4_t rounded = vshrq_n_u32(vaddq_u32(bits, tie), 16), nan = vorrq_u32(half, vdupq_n_u32(0x40));
      vst1_u16(p + 4 * i, vmovn_u32(vbslq_u32(vceqq_f32(x.v[i], x.v[i]), rounded, nan)));
    }
  }
  static NIBBLE_INLINE void widen_half4(const uint16_t* p, float* out) { vst1q_f32(out, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))); }
  // Bytes of a float in the table: 4 * index + 0 to 3.
  static NIBBLE_INLINE F32 lookup4(F32 table, I32 index) {
    F32 r;
    QUARTERS {
      const uint32x4_t low = vandq_u32(vreinterpretq_u32_s32(index.v[i]), vdupq_n_u32(3));
      const uint32x4_t bytes = vmlaq_u32(vdupq_n_u32(0x03020100u), low, vdupq_n_u32(0x04040404u));
      r.v[i] = vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(table.v[i]), vreinterpretq_u8_u32(bytes)));
    }
    return r;
  }
  // Integers.
  static NIBBLE_INLINE I32 set_i(int32_t x) { I32 r; QUARTERS r.v[i] = vdupq_n_s32(x); return r; }
  static NIBBLE_INLINE I32 load_i(const int32_t* p) { I32 r; QUARTERS r.v[i] = vld1q_s32(p + 4 * i); return r; }
  static NIBBLE_INLINE void store_i(int32_t* p, I32 x) { QUARTERS vst1q_s32(p + 4 * i, x.v[i]); }
  static NIBBLE_INLINE I32 add(I32 x, I32 y) { QUARTERS x.v[i] = vaddq_s32(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE I32 mul(I32 x, I32 y) { QUARTERS x.v[i] = vmulq_s32(x.v[i], y.v[i]); return x; }
  template <int N> static NIBBLE_INLINE I32 shift_right(I32 x) {
    QUARTERS x.v[i] = vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(x.v[i]), N));
    return x;
  }
  template <int N> static NIBBLE_INLINE I32 shift_left(I32 x) { QUARTERS x.v[i] = vshlq_n_s32(x.v[i], N); return x; }
  static NIBBLE_INLINE F32 bits_to_float(I32 x) { F32 r; QUARTERS r.v[i] = vreinterpretq_f32_s32(x.v[i]); return r; }
  static NIBBLE_INLINE F32 to_float(I32 x) { F32 r; QUARTERS r.v[i] = vcvtq_f32_s32(x.v[i]); return r; }
  static NIBBLE_INLINE I32 round_to_int(F32 x) { I32 r; QUARTERS r.v[i] = vcvtnq_s32_f32(x.v[i]); return r; }
  static NIBBLE_INLINE F32 sign_beyond(F32 x, F32 t) {
    QUARTERS {
      const float32x4_t one = vbslq_f32(vdupq_n_u32(0x80000000u), x.v[i], vdupq_n_f32(1));
      x.v[i] = vreinterpretq_f32_u32(vandq_u32(vcltq_f32(t.v[i], vabsq_f32(x.v[i])), vreinterpretq_u32_f32(one)));
    }
    return x;
  }
  // Doubles.
  static NIBBLE_INLINE F64 zero_d() { F64 r; for (auto& v : r.v) v = vdupq_n_f64(0); return r; }
  static NIBBLE_INLINE F64 add(F64 x, F64 y) { for (int i = 0; i < 8; ++i) x.v[i] = vaddq_f64(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE double reduce_add(F64 x) {
    for (int width = 4; width; width /= 2) for (int i = 0; i < width; ++i) x.v[i] = vaddq_f64(x.v[i], x.v[i + width]);
    return vgetq_lane_f64(x.v[0], 0) + vgetq_lane_f64(x.v[0], 1);
  }
  static NIBBLE_INLINE F64 add_wide(F64 x, const float* p) {
    for (int i = 0; i < 8; ++i) x.v[i] = vaddq_f64(x.v[i], vcvt_f64_f32(vld1_f32(p + 2 * i)));
    return x;
  }
  static NIBBLE_INLINE I32 load_i8(const int8_t* p) {
    const int8x16_t bytes = vld1q_s8(p);
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
    return {{vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)), vmovl_s16(vget_low_s16(high)), vmovl_s16(vget_high_s16(high))}};
  }
  static NIBBLE_INLINE void store_i8(int8_t* p, I32 x) {
    const int16x8_t low = vcombine_s16(vmovn_s32(x.v[0]), vmovn_s32(x.v[1])), high = vcombine_s16(vmovn_s32(x.v[2]), vmovn_s32(x.v[3]));
    vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
  }
  static NIBBLE_INLINE void store_low_bytes(uint8_t* p, I32 x) { store_i8(reinterpret_cast<int8_t*>(p), x); }
  static NIBBLE_INLINE int32_t reduce_add(I32 x) { return vaddvq_s32(vaddq_s32(vaddq_s32(x.v[0], x.v[1]), vaddq_s32(x.v[2], x.v[3]))); }
  static NIBBLE_INLINE I32 broadcast_i(const int32_t* p) { return set_i(*p); }
  template <int STEP> static NIBBLE_INLINE I32 spread2(I32 x) {
    const int32x4_t low = vdupq_laneq_s32(x.v[STEP / 2], 2 * STEP % 4), high = vdupq_laneq_s32(x.v[STEP / 2], 2 * STEP % 4 + 1);
    return {{low, low, high, high}};
  }
  template <int STEP> static NIBBLE_INLINE I32 spread4(I32 x) {
    const int32x4_t four = x.v[STEP];
    return {{vdupq_laneq_s32(four, 0), vdupq_laneq_s32(four, 1), vdupq_laneq_s32(four, 2), vdupq_laneq_s32(four, 3)}};
  }
  static NIBBLE_INLINE I32 low_halves(I32 x) { QUARTERS x.v[i] = vandq_s32(x.v[i], vdupq_n_s32(0xFFFF)); return x; }
  static NIBBLE_INLINE I32 widen_u8x8(uint64_t bytes) {
    const uint16x8_t words = vmovl_u8(vcreate_u8(bytes));
    return {{vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words))), vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(words))), vdupq_n_s32(0),
             vdupq_n_s32(0)}};
  }
  static NIBBLE_INLINE I32 widen_u8x16(const uint8_t* p) {
    const uint16x8_t low = vmovl_u8(vld1_u8(p)), high = vmovl_u8(vld1_u8(p + 8));
    const uint32x4_t v[4] = {vmovl_u16(vget_low_u16(low)), vmovl_u16(vget_high_u16(low)), vmovl_u16(vget_low_u16(high)), vmovl_u16(vget_high_u16(high))};
    I32 r; QUARTERS r.v[i] = vreinterpretq_s32_u32(v[i]); return r;
  }
  static NIBBLE_INLINE I32 trits(I32 bytes, I32 powers) {
    QUARTERS bytes.v[i] = vshrq_n_s32(vmulq_n_s32(vandq_s32(vmulq_s32(bytes.v[i], powers.v[i]), vdupq_n_s32(0xFFFF)), 3), 16);
    return bytes;
  }
  static NIBBLE_INLINE I32 widen_i8x16(uint64_t low, uint64_t high) {
    const int16x8_t a = vmovl_s8(vcreate_s8(low)), b = vmovl_s8(vcreate_s8(high));
    return {{vmovl_s16(vget_low_s16(a)), vmovl_s16(vget_high_s16(a)), vmovl_s16(vget_low_s16(b)), vmovl_s16(vget_high_s16(b))}};
  }
  static NIBBLE_INLINE I32 widen_u8_pairs(const uint8_t* p) {
    I32 r;
    QUARTERS r.v[i] = vreinterpretq_s32_u16(vmovl_u8(vld1_u8(p + 8 * i)));
    return r;
  }
  static NIBBLE_INLINE I32 widen_i8_pairs(const int8_t* p) {
    I32 r;
    QUARTERS r.v[i] = vreinterpretq_s32_s16(vmovl_s8(vld1_s8(p + 8 * i)));
    return r;
  }
  static NIBBLE_INLINE void store_i16(int16_t* p, I32 x) { QUARTERS vst1_s16(p + 4 * i, vmovn_s32(x.v[i])); }
  // Bytes.
  static NIBBLE_INLINE U8 load_u8(const void* p) { U8 r; QUARTERS r.v[i] = vld1q_u8(static_cast<const uint8_t*>(p) + 16 * i); return r; }
  static NIBBLE_INLINE void store_u8(void* p, U8 x) { QUARTERS vst1q_u8(static_cast<uint8_t*>(p) + 16 * i, x.v[i]); }
  static NIBBLE_INLINE U8 set_u8(uint8_t x) { U8 r; QUARTERS r.v[i] = vdupq_n_u8(x); return r; }
  static NIBBLE_INLINE U8 bit_or(U8 x, U8 y) { QUARTERS x.v[i] = vorrq_u8(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE U8 sub_u8(U8 x, U8 y) { QUARTERS x.v[i] = vsubq_u8(x.v[i], y.v[i]); return x; }
  template <int MASK> static NIBBLE_INLINE U8 select_bits(U8 x, U8 y) { QUARTERS x.v[i] = vbslq_u8(vdupq_n_u8(MASK), x.v[i], y.v[i]); return x; }
  template <int AND, int XOR> static NIBBLE_INLINE U8 and_xor(U8 x) {
    QUARTERS x.v[i] = veorq_u8(vandq_u8(x.v[i], vdupq_n_u8(AND)), vdupq_n_u8(XOR));
    return x;
  }
  template <int N> static NIBBLE_INLINE uint8x16_t shift_quarter(uint8x16_t x) {
    if constexpr (N > 0) return vshrq_n_u8(x, N);
    else if constexpr (N < 0) return vshlq_n_u8(x, -N);
    else return x;
  }
  template <int N> static NIBBLE_INLINE U8 shift_in_bytes(U8 x) { QUARTERS x.v[i] = shift_quarter<N>(x.v[i]); return x; }
  template <int LOW, int HIGH> static NIBBLE_INLINE U8 shift_dup32(const void* p) {
    const uint8x16_t a = vld1q_u8(static_cast<const uint8_t*>(p)), b = vld1q_u8(static_cast<const uint8_t*>(p) + 16);
    return {{shift_quarter<LOW>(a), shift_quarter<LOW>(b), shift_quarter<HIGH>(a), shift_quarter<HIGH>(b)}};
  }
  template <int N> static NIBBLE_INLINE uint8x16_t masked_shift(uint8x16_t x, int mask) {
    if constexpr (N > 0) x = vshrq_n_u8(x, N);
    return vandq_u8(x, vdupq_n_u8(uint8_t(mask)));
  }
  template <int N, int MASK> static NIBBLE_INLINE U8 field(U8 x) { QUARTERS x.v[i] = masked_shift<N>(x.v[i], MASK); return x; }
  template <int N> static NIBBLE_INLINE U8 shift_left(U8 x) { QUARTERS x.v[i] = vshlq_n_u8(x.v[i], N); return x; }
  template <int LOW, int HIGH, int MASK> static NIBBLE_INLINE U8 field_dup32(const void* p) {
    const uint8x16_t a = vld1q_u8(static_cast<const uint8_t*>(p)), b = vld1q_u8(static_cast<const uint8_t*>(p) + 16);
    return {{masked_shift<LOW>(a, MASK), masked_shift<LOW>(b, MASK), masked_shift<HIGH>(a, MASK), masked_shift<HIGH>(b, MASK)}};
  }
  template <int LOW, int HIGH, int MASK> static NIBBLE_INLINE U8 field_dup16(const void* p0, const void* p1) {
    const uint8x16_t a = vld1q_u8(static_cast<const uint8_t*>(p0)), b = vld1q_u8(static_cast<const uint8_t*>(p1));
    return {{masked_shift<LOW>(a, MASK), masked_shift<HIGH>(a, MASK), masked_shift<LOW>(b, MASK), masked_shift<HIGH>(b, MASK)}};
  }
  template <int LOW, int HIGH> static NIBBLE_INLINE U8 shift_dup16(const void* p0, const void* p1) { return field_dup16<LOW, HIGH, 255>(p0, p1); }
  static NIBBLE_INLINE U8 load_2x32(const void* p0, const void* p1) {
    const uint8_t *a = static_cast<const uint8_t*>(p0), *b = static_cast<const uint8_t*>(p1);
    return {{vld1q_u8(a), vld1q_u8(a + 16), vld1q_u8(b), vld1q_u8(b + 16)}};
  }
  static NIBBLE_INLINE U8 load_4x16(const void* p, size_t stride) {
    U8 r; QUARTERS r.v[i] = vld1q_u8(static_cast<const uint8_t*>(p) + size_t(i) * stride); return r;
  }
  static NIBBLE_INLINE U8 lookup16(const int8_t* table, U8 index) {
    const uint8x16_t t = vreinterpretq_u8_s8(vld1q_s8(table));
    QUARTERS index.v[i] = vqtbl1q_u8(t, index.v[i]);
    return index;
  }
  static NIBBLE_INLINE U8 bits_to_masks(uint64_t bits) { return bits_to_bytes(bits, 0xFF); }
  static NIBBLE_INLINE U8 bits_to_bytes(uint64_t bits, uint8_t value) {
    const uint8x16_t select = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201ull));
    U8 r;
    QUARTERS {
      const uint8x16_t x = vcombine_u8(vdup_n_u8(uint8_t(bits >> (16 * i))), vdup_n_u8(uint8_t(bits >> (16 * i + 8))));
      r.v[i] = vandq_u8(vtstq_u8(x, select), vdupq_n_u8(value));
    }
    return r;
  }
  static NIBBLE_INLINE U8 bias_signed(U8 x) { return x; }
  static NIBBLE_INLINE U8 broadcast4(const void* p) {
    uint32_t word;
    __builtin_memcpy(&word, p, 4);
    U8 r;
    QUARTERS r.v[i] = vreinterpretq_u8_u32(vdupq_n_u32(word));
    return r;
  }
  static NIBBLE_INLINE I32 dot_s8(I32 acc, U8 w, U8 a) {
    QUARTERS acc.v[i] = vdotq_s32(acc.v[i], vreinterpretq_s8_u8(w.v[i]), vreinterpretq_s8_u8(a.v[i]));
    return acc;
  }
  static NIBBLE_INLINE I32 dot_u7(I32 acc, U8 w, U8 a) { return dot_s8(acc, w, a); }
  static NIBBLE_INLINE I32 dot_pairs(I32 acc, I32 x, I32 y) {
    QUARTERS {
      const int16x8_t a = vreinterpretq_s16_s32(x.v[i]), b = vreinterpretq_s16_s32(y.v[i]);
      const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
      acc.v[i] = vaddq_s32(acc.v[i], vpaddq_s32(low, high));
    }
    return acc;
  }
  static NIBBLE_INLINE U8 as_bytes(I32 x) { U8 r; QUARTERS r.v[i] = vreinterpretq_u8_s32(x.v[i]); return r; }
  static NIBBLE_INLINE I32 as_ints(U8 x) { I32 r; QUARTERS r.v[i] = vreinterpretq_s32_u8(x.v[i]); return r; }

  static NIBBLE_INLINE I32 sum4(const I32* v) {
    I32 r;
    QUARTERS r.v[i] = vpaddq_s32(vpaddq_s32(v[0].v[i], v[1].v[i]), vpaddq_s32(v[2].v[i], v[3].v[i]));
    return r;
  }
  static NIBBLE_INLINE void merge_quarters(const I32* q, I32* out) {
    for (int k = 0; k < 4; ++k) QUARTERS out[k].v[i] = q[i].v[k];
  }
  static NIBBLE_INLINE void merge_halves(const I32* q, I32& even, I32& odd) {
    QUARTERS even.v[i] = vaddq_s32(q[i].v[0], q[i].v[1]), odd.v[i] = vaddq_s32(q[i].v[2], q[i].v[3]);
  }
  static NIBBLE_INLINE I32 merge(const I32* q) {
    I32 even, odd;
    merge_halves(q, even, odd);
    return add(even, odd);
  }
  // Four rows to four words of four lanes each.
  static NIBBLE_INLINE void transpose4(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d, int32x4_t* out) {
    const int32x4x2_t ab = vtrnq_s32(a, b), cd = vtrnq_s32(c, d);
    out[0] = vcombine_s32(vget_low_s32(ab.val[0]), vget_low_s32(cd.val[0]));
    out[1] = vcombine_s32(vget_low_s32(ab.val[1]), vget_low_s32(cd.val[1]));
    out[2] = vcombine_s32(vget_high_s32(ab.val[0]), vget_high_s32(cd.val[0]));
    out[3] = vcombine_s32(vget_high_s32(ab.val[1]), vget_high_s32(cd.val[1]));
  }
  static NIBBLE_INLINE void transpose_words(const void* const* rows, I32* words) {
    QUARTERS {
      int32x4_t v[4], out[4];
      for (int k = 0; k < 4; ++k) v[k] = vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(rows[4 * i + k])));
      transpose4(v[0], v[1], v[2], v[3], out);
      for (int k = 0; k < 4; ++k) words[k].v[i] = out[k];
    }
  }
  // 4x4 blocks: block (i, k) goes to (k, i).
  static NIBBLE_INLINE void transpose(I32* v) {
    I32 t[16];
    for (int k = 0; k < 4; ++k)
      QUARTERS {
        const I32* rows = v + 4 * i;
        int32x4_t out[4];
        transpose4(rows[0].v[k], rows[1].v[k], rows[2].v[k], rows[3].v[k], out);
        for (int w = 0; w < 4; ++w) t[4 * k + w].v[i] = out[w];
      }
    for (int i = 0; i < 16; ++i) v[i] = t[i];
  }

#if defined(__ARM_FEATURE_MATMUL_INT8)
  // x[c] += codes (k-step, (row, 4)) times column c's bytes at a + c * stride, over STEPS (even) steps of 4. One instruction
  // multiplies 2 rows by 2 columns over 8 values: pairs of steps are zipped to 8 bytes a row, columns go in pairs.
  template <int NC, int STEPS>
  static NIBBLE_INLINE void tile_matmul(const uint8_t (*codes)[64], const int8_t* a, int64_t stride, I32* x) {
    constexpr int kPairs = (NC + 1) / 2;
    int32x4_t acc[kPairs][8];
    for (auto& pair : acc) for (auto& sum : pair) sum = vdupq_n_s32(0);
    for (int k = 0; k < STEPS; k += 2) {
      int8x16_t columns[kPairs];
      for (int c = 0; c < kPairs; ++c) {
        const int8_t* first = a + 2 * c * stride + 4 * k;
        columns[c] = vcombine_s8(vld1_s8(first), vld1_s8(2 * c + 1 < NC ? first + stride : first));
      }
      QUARTERS {
        const uint32x4_t even = vreinterpretq_u32_u8(vld1q_u8(codes[k] + 16 * i)), odd = vreinterpretq_u32_u8(vld1q_u8(codes[k + 1] + 16 * i));
        const int8x16_t low = vreinterpretq_s8_u32(vzip1q_u32(even, odd)), high = vreinterpretq_s8_u32(vzip2q_u32(even, odd));
        for (int c = 0; c < kPairs; ++c) {
          acc[c][2 * i] = vmmlaq_s32(acc[c][2 * i], low, columns[c]);
          acc[c][2 * i + 1] = vmmlaq_s32(acc[c][2 * i + 1], high, columns[c]);
        }
      }
    }
    for (int c = 0; c < NC; ++c)
      QUARTERS {
        const int32x4_t low = acc[c / 2][2 * i], high = acc[c / 2][2 * i + 1];
        x[c].v[i] = vaddq_s32(x[c].v[i], c % 2 == 0 ? vuzp1q_s32(low, high) : vuzp2q_s32(low, high));
      }
  }
#endif
#undef QUARTERS
};

}  // namespace
}  // namespace nibble
