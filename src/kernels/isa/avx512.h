// AVX-512 F/BW/DQ/VL/VNNI: one register a vector; with AMX-INT8 products of several columns use tiles.
#pragma once
#include <immintrin.h>

#include "kernels/isa/vocabulary.h"
#if defined(__AMX_INT8__)
#include "kernels/isa/amx_tiles.h"
#endif

namespace nibble {
namespace {

struct Isa {
#if defined(__AMX_INT8__)
  using Tiles = AmxTiles;
#endif
  static constexpr int kSignedBias = 128;
  static constexpr int kPeakAccumulators = 12;
  static constexpr bool kHasLookup16 = true;
  static constexpr int kMaxRowColumns = 4, kTilePanels = 2, kTileColumns = 6;
  static constexpr int kFloatRows = 4, kFloatColumns = 6;
  static constexpr int kAttentionRows = 4, kAttentionVectors = 4;

  struct F32 { __m512 v; };
  struct I32 { __m512i v; };
  struct U8 { __m512i v; };
  struct F64 { __m512d a, b; };

  static NIBBLE_INLINE __mmask16 first(int n) { return __mmask16((1u << n) - 1u); }
  // Floats.
  static NIBBLE_INLINE F32 set_f(float x) { return {_mm512_set1_ps(x)}; }
  static NIBBLE_INLINE F32 load_f(const float* p) { return {_mm512_loadu_ps(p)}; }
  static NIBBLE_INLINE F32 load_f(const float* p, int n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  static NIBBLE_INLINE void store_f(float* p, F32 a) { _mm512_storeu_ps(p, a.v); }
  static NIBBLE_INLINE void store_f(float* p, F32 a, int n) { _mm512_mask_storeu_ps(p, first(n), a.v); }
  static NIBBLE_INLINE F32 add(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
  static NIBBLE_INLINE F32 sub(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
  static NIBBLE_INLINE F32 mul(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
  static NIBBLE_INLINE F32 div(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
  static NIBBLE_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static NIBBLE_INLINE F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
  static NIBBLE_INLINE F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
  static NIBBLE_INLINE F32 abs(F32 a) {
    return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x7FFFFFFF)))};
  }
  static NIBBLE_INLINE F32 sqrt(F32 a) { return {_mm512_sqrt_ps(a.v)}; }
  static NIBBLE_INLINE F32 select_less(F32 a, F32 b, F32 x, F32 y) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), y.v, x.v)};
  }
  // Trees written out: the library's reduce has no stated order and g++ 12 warns about it.
  static NIBBLE_INLINE float reduce_add(F32 a) {
    const __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    const __m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps(d, d, 1)));
  }
  static NIBBLE_INLINE float reduce_max(F32 a) {
    const __m256 b = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    const __m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_max_ss(d, _mm_shuffle_ps(d, d, 1)));
  }
  static NIBBLE_INLINE F32 load_half(const uint16_t* p) { return {_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p))}; }
  static NIBBLE_INLINE F32 load_half(const uint16_t* p, int n) { return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p))}; }
  static NIBBLE_INLINE void store_half(uint16_t* p, F32 a) {
    _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static NIBBLE_INLINE void store_half(uint16_t* p, F32 a, int n) {
    _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static NIBBLE_INLINE F32 widen_bf16(__m256i h) { return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16))}; }
  static NIBBLE_INLINE F32 load_bf16(const uint16_t* p) { return widen_bf16(_mm256_loadu_si256((const __m256i*)p)); }
  static NIBBLE_INLINE F32 load_bf16(const uint16_t* p, int n) { return widen_bf16(_mm256_maskz_loadu_epi16(first(n), p)); }
  static NIBBLE_INLINE void store_bf16(uint16_t* p, F32 a) {
    const __m512i bits = _mm512_castps_si512(a.v), half = _mm512_srli_epi32(bits, 16);
    const __m512i tie = _mm512_add_epi32(_mm512_and_si512(half, _mm512_set1_epi32(1)), _mm512_set1_epi32(0x7FFF));
    const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, tie), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
    const __m512i kept = _mm512_mask_or_epi32(rounded, nan, half, _mm512_set1_epi32(0x40));
    _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi32_epi16(kept));
  }
  static NIBBLE_INLINE F32 lookup4(F32 table, I32 index) { return {_mm512_permutevar_ps(table.v, index.v)}; }
  static NIBBLE_INLINE F32 lookup16(F32 table, I32 index) { return {_mm512_permutexvar_ps(index.v, table.v)}; }
  static NIBBLE_INLINE void widen_half4(const uint16_t* p, float* out) { _mm_storeu_ps(out, _mm_cvtph_ps(_mm_loadl_epi64((const __m128i*)p))); }
  // Integers.
  static NIBBLE_INLINE I32 set_i(int32_t x) { return {_mm512_set1_epi32(x)}; }
  static NIBBLE_INLINE I32 load_i(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
  static NIBBLE_INLINE void store_i(int32_t* p, I32 a) { _mm512_storeu_si512(p, a.v); }
  static NIBBLE_INLINE I32 add(I32 a, I32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
  static NIBBLE_INLINE I32 mul(I32 a, I32 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
  template <int N> static NIBBLE_INLINE I32 shift_right(I32 a) { return {_mm512_srli_epi32(a.v, N)}; }
  template <int N> static NIBBLE_INLINE I32 shift_left(I32 a) { return {_mm512_slli_epi32(a.v, N)}; }
  static NIBBLE_INLINE F32 bits_to_float(I32 a) { return {_mm512_castsi512_ps(a.v)}; }
  static NIBBLE_INLINE F32 to_float(I32 a) { return {_mm512_cvtepi32_ps(a.v)}; }
  static NIBBLE_INLINE I32 round_to_int(F32 a) {
    return {_mm512_cvt_roundps_epi32(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  static NIBBLE_INLINE F32 sign_beyond(F32 a, F32 t) {
    const __mmask16 beyond = _mm512_cmp_ps_mask(t.v, abs(a).v, _CMP_LT_OQ);
    const __m512i sign = _mm512_set1_epi32(int(0x80000000)), one = _mm512_castps_si512(_mm512_set1_ps(1));
    return {_mm512_castsi512_ps(_mm512_maskz_ternarylogic_epi32(beyond, _mm512_castps_si512(a.v), sign, one, 0xEA))};
  }
  // Doubles.
  static NIBBLE_INLINE F64 zero_d() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
  static NIBBLE_INLINE F64 add(F64 x, F64 y) { return {_mm512_add_pd(x.a, y.a), _mm512_add_pd(x.b, y.b)}; }
  static NIBBLE_INLINE double reduce_add(F64 x) {
    const __m512d c = _mm512_add_pd(x.a, x.b);
    const __m256d d = _mm256_add_pd(_mm512_castpd512_pd256(c), _mm512_extractf64x4_pd(c, 1));
    const __m128d e = _mm_add_pd(_mm256_castpd256_pd128(d), _mm256_extractf128_pd(d, 1));
    return _mm_cvtsd_f64(_mm_add_sd(e, _mm_unpackhi_pd(e, e)));
  }
  static NIBBLE_INLINE F64 add_wide(F64 x, const float* p) {
    return {_mm512_add_pd(x.a, _mm512_cvtps_pd(_mm256_loadu_ps(p))), _mm512_add_pd(x.b, _mm512_cvtps_pd(_mm256_loadu_ps(p + 8)))};
  }
  static NIBBLE_INLINE I32 load_i8(const int8_t* p) { return {_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p))}; }
  static NIBBLE_INLINE void store_i8(int8_t* p, I32 a) { _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(a.v)); }
  static NIBBLE_INLINE void store_low_bytes(uint8_t* p, I32 a) { _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(a.v)); }
  static NIBBLE_INLINE int32_t reduce_add(I32 a) {
    const __m256i b = _mm256_add_epi32(_mm512_castsi512_si256(a.v), _mm512_extracti64x4_epi64(a.v, 1));
    __m128i c = _mm_add_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
    c = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(c, _mm_shuffle_epi32(c, 0xB1)));
  }
  static NIBBLE_INLINE I32 broadcast_i(const int32_t* p) { return {_mm512_set1_epi32(*p)}; }
  template <int STEP> static NIBBLE_INLINE I32 spread2(I32 a) {
    const __m512i index = _mm512_inserti64x4(_mm512_set1_epi32(2 * STEP), _mm256_set1_epi32(2 * STEP + 1), 1);
    return {_mm512_permutexvar_epi32(index, a.v)};
  }
  template <int STEP> static NIBBLE_INLINE I32 spread4(I32 a) {
    constexpr int k = 4 * STEP;
    const __m512i index = _mm512_setr_epi32(k, k, k, k, k + 1, k + 1, k + 1, k + 1, k + 2, k + 2, k + 2, k + 2, k + 3, k + 3, k + 3, k + 3);
    return {_mm512_permutexvar_epi32(index, a.v)};
  }
  static NIBBLE_INLINE I32 low_halves(I32 a) { return {_mm512_and_si512(a.v, _mm512_set1_epi32(0xFFFF))}; }
  static NIBBLE_INLINE I32 widen_u8x8(uint64_t bytes) { return {_mm512_cvtepu8_epi32(_mm_cvtsi64_si128(int64_t(bytes)))}; }
  static NIBBLE_INLINE I32 widen_u8x16(const uint8_t* p) { return {_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p))}; }
  static NIBBLE_INLINE I32 trits(I32 bytes, I32 powers) {
    return {_mm512_mulhi_epu16(_mm512_mullo_epi16(bytes.v, powers.v), _mm512_set1_epi32(3))};
  }
  static NIBBLE_INLINE I32 widen_i8x16(uint64_t low, uint64_t high) { return {_mm512_cvtepi8_epi32(_mm_set_epi64x(int64_t(high), int64_t(low)))}; }
  static NIBBLE_INLINE I32 widen_u8_pairs(const uint8_t* p) { return {_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i*)p))}; }
  static NIBBLE_INLINE I32 widen_i8_pairs(const int8_t* p) { return {_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)p))}; }
  static NIBBLE_INLINE void store_i16(int16_t* p, I32 a) { _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi32_epi16(a.v)); }
  // Bytes.
  static NIBBLE_INLINE U8 load_u8(const void* p) { return {_mm512_loadu_si512(p)}; }
  static NIBBLE_INLINE void store_u8(void* p, U8 a) { _mm512_storeu_si512(p, a.v); }
  static NIBBLE_INLINE U8 set_u8(uint8_t x) { return {_mm512_set1_epi8(char(x))}; }
  static NIBBLE_INLINE U8 bit_or(U8 a, U8 b) { return {_mm512_or_si512(a.v, b.v)}; }
  static NIBBLE_INLINE U8 sub_u8(U8 a, U8 b) { return {_mm512_sub_epi8(a.v, b.v)}; }
  template <int MASK> static NIBBLE_INLINE U8 select_bits(U8 a, U8 b) { return {_mm512_ternarylogic_epi32(_mm512_set1_epi8(MASK), a.v, b.v, 0xCA)}; }
  template <int AND, int XOR> static NIBBLE_INLINE U8 and_xor(U8 a) {
    return {_mm512_ternarylogic_epi32(a.v, _mm512_set1_epi8(char(AND)), _mm512_set1_epi8(char(XOR)), 0x6A)};
  }
  template <int N> static NIBBLE_INLINE U8 shift_in_bytes(U8 a) { return {N < 0 ? _mm512_slli_epi16(a.v, N < 0 ? -N : 0) : _mm512_srli_epi16(a.v, N < 0 ? 0 : N)}; }
  template <int LOW, int HIGH> static NIBBLE_INLINE U8 shift_dup32(const void* p) {
    const __m512i counts = _mm512_inserti64x4(_mm512_set1_epi32(LOW & 31), _mm256_set1_epi32(HIGH & 31), 1);
    return {_mm512_rorv_epi32(_mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i*)p)), counts)};
  }
  template <int N, int MASK> static NIBBLE_INLINE U8 field(U8 a) {
#if defined(__GFNI__)
    if constexpr (N != 0) return {_mm512_gf2p8affine_epi64_epi8(a.v, _mm512_set1_epi64(kFieldBits<N, MASK>), 0)};
#endif
    return {_mm512_and_si512(N ? _mm512_srli_epi16(a.v, N) : a.v, _mm512_set1_epi8(MASK))};
  }
#if defined(__GFNI__)
  // The matrix of bits that shifts a byte right and masks it: bit i of the result is a bit chosen by byte 7 - i.
  template <int N, int MASK> static constexpr int64_t kFieldBits = [] {
    uint64_t bits = 0;
    for (int i = 0; i + N < 8; ++i) bits |= uint64_t(MASK >> i & 1) << (i + N) << 8 * (7 - i);
    return int64_t(bits);
  }();
#endif
  template <int N> static NIBBLE_INLINE U8 shift_left(U8 a) { return {_mm512_slli_epi16(a.v, N)}; }  // callers keep bits in their byte
  template <int LOW, int HIGH, int MASK> static NIBBLE_INLINE U8 field_dup32(const void* p) {
    const __m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i*)p));
#if defined(__GFNI__)
    constexpr int64_t low = kFieldBits<LOW, MASK>, high = kFieldBits<HIGH, MASK>;
    return {_mm512_gf2p8affine_epi64_epi8(twice, _mm512_setr_epi64(low, low, low, low, high, high, high, high), 0)};
#endif
    const __m512i shifts = _mm512_inserti64x4(_mm512_set1_epi16(LOW), _mm256_set1_epi16(HIGH), 1);
    return {_mm512_and_si512(_mm512_srlv_epi16(twice, shifts), _mm512_set1_epi8(MASK))};
  }
  static NIBBLE_INLINE __m512i dup16(const void* p0, const void* p1) {
    const __m512i first_block = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)p0));
    return _mm512_mask_broadcast_i32x4(first_block, 0xFF00, _mm_loadu_si128((const __m128i*)p1));
  }
  template <int LOW, int HIGH> static NIBBLE_INLINE U8 shift_dup16(const void* p0, const void* p1) {
    const __m512i shifts = _mm512_broadcast_i64x4(_mm256_setr_m128i(_mm_set1_epi16(LOW), _mm_set1_epi16(HIGH)));
    return {_mm512_srlv_epi16(dup16(p0, p1), shifts)};
  }
  template <int LOW, int HIGH, int MASK> static NIBBLE_INLINE U8 field_dup16(const void* p0, const void* p1) {
#if defined(__GFNI__)
    constexpr int64_t low = kFieldBits<LOW, MASK>, high = kFieldBits<HIGH, MASK>;
    return {_mm512_gf2p8affine_epi64_epi8(dup16(p0, p1), _mm512_setr_epi64(low, low, high, high, low, low, high, high), 0)};
#endif
    return {_mm512_and_si512(shift_dup16<LOW, HIGH>(p0, p1).v, _mm512_set1_epi8(MASK))};
  }
  static NIBBLE_INLINE U8 load_2x32(const void* p0, const void* p1) {
    return {_mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i*)p0)),
                               _mm256_loadu_si256((const __m256i*)p1), 1)};
  }
  static NIBBLE_INLINE U8 load_4x16(const void* p, size_t stride) {
    const char* const b = static_cast<const char*>(p);
    const __m512i first = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i*)b));
    const __m512i two = _mm512_mask_broadcast_i32x4(first, 0x00F0, _mm_loadu_si128((const __m128i*)(b + stride)));
    const __m512i three = _mm512_mask_broadcast_i32x4(two, 0x0F00, _mm_loadu_si128((const __m128i*)(b + 2 * stride)));
    return {_mm512_mask_broadcast_i32x4(three, 0xF000, _mm_loadu_si128((const __m128i*)(b + 3 * stride)))};
  }
  static NIBBLE_INLINE U8 lookup16(const int8_t* table, U8 index) {
    return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)table)), index.v)};
  }
  static NIBBLE_INLINE U8 bits_to_masks(uint64_t bits) { return {_mm512_movm_epi8(bits)}; }
  static NIBBLE_INLINE U8 bits_to_bytes(uint64_t bits, uint8_t value) { return {_mm512_maskz_set1_epi8(bits, char(value))}; }
  static NIBBLE_INLINE U8 bias_signed(U8 a) { return {_mm512_xor_si512(a.v, _mm512_set1_epi8(char(0x80)))}; }
  static NIBBLE_INLINE U8 broadcast4(const void* p) {
    int32_t word;
    __builtin_memcpy(&word, p, 4);
    return {_mm512_set1_epi32(word)};
  }
  static NIBBLE_INLINE I32 dot_u7(I32 acc, U8 w, U8 a) { return {_mm512_dpbusd_epi32(acc.v, w.v, a.v)}; }
  static NIBBLE_INLINE I32 dot_s8(I32 acc, U8 w, U8 a) { return {_mm512_dpbusd_epi32(acc.v, w.v, a.v)}; }
  static NIBBLE_INLINE I32 dot_pairs(I32 acc, I32 a, I32 b) { return {_mm512_dpwssd_epi32(acc.v, a.v, b.v)}; }
  static NIBBLE_INLINE U8 as_bytes(I32 a) { return {a.v}; }
  static NIBBLE_INLINE I32 as_ints(U8 a) { return {a.v}; }

  // Lanes of pairs are added while they are interleaved: after two steps a 128-bit lane holds 4 rows.
  static NIBBLE_INLINE __m512i add_pairs32(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  }
  static NIBBLE_INLINE __m512i add_pairs64(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  }
  static NIBBLE_INLINE I32 sum4(const I32* v) {
    return {add_pairs64(add_pairs32(v[0].v, v[1].v), add_pairs32(v[2].v, v[3].v))};
  }
  static NIBBLE_INLINE void merge_halves(const I32* q, I32& even, I32& odd) {
    // lanes of ab: a01 a23 b01 b23
    const __m512i ab = _mm512_add_epi32(_mm512_shuffle_i64x2(q[0].v, q[1].v, 0x88), _mm512_shuffle_i64x2(q[0].v, q[1].v, 0xDD));
    const __m512i cd = _mm512_add_epi32(_mm512_shuffle_i64x2(q[2].v, q[3].v, 0x88), _mm512_shuffle_i64x2(q[2].v, q[3].v, 0xDD));
    even = {_mm512_shuffle_i64x2(ab, cd, 0x88)};
    odd = {_mm512_shuffle_i64x2(ab, cd, 0xDD)};
  }
  static NIBBLE_INLINE I32 merge(const I32* q) {
    I32 even, odd;
    merge_halves(q, even, odd);
    return add(even, odd);
  }
  static NIBBLE_INLINE void merge_quarters(const I32* q, I32* out) {
    const __m512i ab_even = _mm512_shuffle_i64x2(q[0].v, q[1].v, 0x88), ab_odd = _mm512_shuffle_i64x2(q[0].v, q[1].v, 0xDD);
    const __m512i cd_even = _mm512_shuffle_i64x2(q[2].v, q[3].v, 0x88), cd_odd = _mm512_shuffle_i64x2(q[2].v, q[3].v, 0xDD);
    out[0] = {_mm512_shuffle_i64x2(ab_even, cd_even, 0x88)}, out[2] = {_mm512_shuffle_i64x2(ab_even, cd_even, 0xDD)};
    out[1] = {_mm512_shuffle_i64x2(ab_odd, cd_odd, 0x88)}, out[3] = {_mm512_shuffle_i64x2(ab_odd, cd_odd, 0xDD)};
  }
  static NIBBLE_INLINE void transpose_words(const void* const* rows, I32* words) {
    __m512i v[4];  // rows i, i + 4, i + 8, i + 12
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i*)rows[i]));
      v[i] = _mm512_mask_broadcast_i32x4(v[i], 0x00F0, _mm_loadu_si128((const __m128i*)rows[i + 4]));
      v[i] = _mm512_mask_broadcast_i32x4(v[i], 0x0F00, _mm_loadu_si128((const __m128i*)rows[i + 8]));
      v[i] = _mm512_mask_broadcast_i32x4(v[i], 0xF000, _mm_loadu_si128((const __m128i*)rows[i + 12]));
    }
    const __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
    const __m512i c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
    words[0] = {_mm512_unpacklo_epi64(a, c)}, words[1] = {_mm512_unpackhi_epi64(a, c)};
    words[2] = {_mm512_unpacklo_epi64(b, d)}, words[3] = {_mm512_unpackhi_epi64(b, d)};
  }
  static NIBBLE_INLINE void transpose(I32* v) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 4) {  // 4x4 within 128-bit lanes
      const __m512i a = _mm512_unpacklo_epi32(v[i].v, v[i + 1].v), b = _mm512_unpackhi_epi32(v[i].v, v[i + 1].v);
      const __m512i c = _mm512_unpacklo_epi32(v[i + 2].v, v[i + 3].v), d = _mm512_unpackhi_epi32(v[i + 2].v, v[i + 3].v);
      t[i] = _mm512_unpacklo_epi64(a, c), t[i + 1] = _mm512_unpackhi_epi64(a, c);
      t[i + 2] = _mm512_unpacklo_epi64(b, d), t[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
    for (int i = 0; i < 4; ++i) {  // then 4x4 of the lanes
      const __m512i a = _mm512_shuffle_i64x2(t[i], t[i + 4], 0x88), b = _mm512_shuffle_i64x2(t[i], t[i + 4], 0xDD);
      const __m512i c = _mm512_shuffle_i64x2(t[i + 8], t[i + 12], 0x88), d = _mm512_shuffle_i64x2(t[i + 8], t[i + 12], 0xDD);
      v[i].v = _mm512_shuffle_i64x2(a, c, 0x88), v[i + 8].v = _mm512_shuffle_i64x2(a, c, 0xDD);
      v[i + 4].v = _mm512_shuffle_i64x2(b, d, 0x88), v[i + 12].v = _mm512_shuffle_i64x2(b, d, 0xDD);
    }
  }
};

}  // namespace
}  // namespace nibble
