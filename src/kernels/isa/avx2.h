// AVX2 + FMA + F16C, two registers a vector; with AVX-VNNI (or its AVX-512VL encoding) the integer dot is one instruction.
#pragma once
#include <immintrin.h>

#include "kernels/isa/vocabulary.h"

namespace nibble {
namespace {

struct Isa {
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
  static constexpr int kSignedBias = 128;
#else
  static constexpr int kSignedBias = 0;
#endif
  static constexpr int kPeakAccumulators = 6;
  static constexpr bool kHasLookup16 = false;
  static constexpr int kMaxRowColumns = 3, kTilePanels = 1, kTileColumns = 2;
  static constexpr int kFloatRows = 2, kFloatColumns = 2;
  static constexpr int kAttentionRows = 2, kAttentionVectors = 2;

  struct F32 { __m256 a, b; };
  struct I32 { __m256i a, b; };
  struct U8 { __m256i a, b; };
  struct F64 { __m256d v[4]; };

  // Lanes below n, as a mask for maskload: n in [0, 16], half 0 or 1.
  static NIBBLE_INLINE __m256i first(int n, int half) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n - 8 * half), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static NIBBLE_INLINE __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static NIBBLE_INLINE __m128i load128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  // Floats.
  static NIBBLE_INLINE F32 set_f(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static NIBBLE_INLINE F32 load_f(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static NIBBLE_INLINE F32 load_f(const float* p, int n) {
    return {_mm256_maskload_ps(p, first(n, 0)), _mm256_maskload_ps(p + 8, first(n, 1))};
  }
  static NIBBLE_INLINE void store_f(float* p, F32 x) { _mm256_storeu_ps(p, x.a), _mm256_storeu_ps(p + 8, x.b); }
  static NIBBLE_INLINE void store_f(float* p, F32 x, int n) {
    _mm256_maskstore_ps(p, first(n, 0), x.a), _mm256_maskstore_ps(p + 8, first(n, 1), x.b);
  }
  static NIBBLE_INLINE F32 add(F32 x, F32 y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
  static NIBBLE_INLINE F32 sub(F32 x, F32 y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
  static NIBBLE_INLINE F32 mul(F32 x, F32 y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
  static NIBBLE_INLINE F32 div(F32 x, F32 y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
  static NIBBLE_INLINE F32 fma(F32 x, F32 y, F32 z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
  static NIBBLE_INLINE F32 max(F32 x, F32 y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
  static NIBBLE_INLINE F32 min(F32 x, F32 y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
  static NIBBLE_INLINE F32 abs(F32 x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
  }
  static NIBBLE_INLINE F32 sqrt(F32 x) { return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
  static NIBBLE_INLINE F32 select_less(F32 p, F32 q, F32 x, F32 y) {
    return {_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(p.a, q.a, _CMP_LT_OQ)),
            _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(p.b, q.b, _CMP_LT_OQ))};
  }
  static NIBBLE_INLINE float reduce_add(F32 x) {
    const __m256 b = _mm256_add_ps(x.a, x.b);
    const __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    const __m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps(d, d, 1)));
  }
  static NIBBLE_INLINE float reduce_max(F32 x) {
    const __m256 b = _mm256_max_ps(x.a, x.b);
    const __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    const __m128 d = _mm_max_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_max_ss(d, _mm_shuffle_ps(d, d, 1)));
  }
  static NIBBLE_INLINE F32 load_half(const uint16_t* p) { return {_mm256_cvtph_ps(load128(p)), _mm256_cvtph_ps(load128(p + 8))}; }
  static NIBBLE_INLINE F32 load_half(const uint16_t* p, int n) {
    alignas(32) uint16_t copy[16] = {};
    for (int i = 0; i < n; ++i) copy[i] = p[i];
    return load_half(copy);
  }
  static NIBBLE_INLINE __m128i to_half(__m256 x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static NIBBLE_INLINE void store_half(uint16_t* p, F32 x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), to_half(x.a)), _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), to_half(x.b));
  }
  static NIBBLE_INLINE void store_half(uint16_t* p, F32 x, int n) {
    alignas(32) uint16_t copy[16];
    store_half(copy, x);
    for (int i = 0; i < n; ++i) p[i] = copy[i];
  }
  static NIBBLE_INLINE __m256 widen_bf16(__m128i h) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16)); }
  static NIBBLE_INLINE F32 load_bf16(const uint16_t* p) { return {widen_bf16(load128(p)), widen_bf16(load128(p + 8))}; }
  static NIBBLE_INLINE F32 load_bf16(const uint16_t* p, int n) {
    alignas(32) uint16_t copy[16] = {};
    for (int i = 0; i < n; ++i) copy[i] = p[i];
    return load_bf16(copy);
  }
  static NIBBLE_INLINE __m256i to_bf16(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x), half = _mm256_srli_epi32(bits, 16);
    const __m256i tie = _mm256_add_epi32(_mm256_and_si256(half, _mm256_set1_epi32(1)), _mm256_set1_epi32(0x7FFF));
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, tie), 16);
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(rounded, _mm256_or_si256(half, _mm256_set1_epi32(0x40)), nan);
  }
  static NIBBLE_INLINE void store_bf16(uint16_t* p, F32 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(_mm256_packus_epi32(to_bf16(x.a), to_bf16(x.b)), 0xD8));
  }
  static NIBBLE_INLINE F32 lookup4(F32 table, I32 index) {
    return {_mm256_permutevar_ps(table.a, index.a), _mm256_permutevar_ps(table.b, index.b)};
  }
  static NIBBLE_INLINE void widen_half4(const uint16_t* p, float* out) {
    _mm_storeu_ps(out, _mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  // Integers.
  static NIBBLE_INLINE I32 set_i(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static NIBBLE_INLINE I32 load_i(const int32_t* p) { return {load256(p), load256(p + 8)}; }
  static NIBBLE_INLINE void store_i(int32_t* p, I32 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a), _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), x.b);
  }
  static NIBBLE_INLINE I32 add(I32 x, I32 y) { return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
  static NIBBLE_INLINE I32 mul(I32 x, I32 y) { return {_mm256_mullo_epi32(x.a, y.a), _mm256_mullo_epi32(x.b, y.b)}; }
  template <int N> static NIBBLE_INLINE I32 shift_right(I32 x) { return {_mm256_srli_epi32(x.a, N), _mm256_srli_epi32(x.b, N)}; }
  template <int N> static NIBBLE_INLINE I32 shift_left(I32 x) { return {_mm256_slli_epi32(x.a, N), _mm256_slli_epi32(x.b, N)}; }
  static NIBBLE_INLINE F32 bits_to_float(I32 x) { return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)}; }
  static NIBBLE_INLINE F32 to_float(I32 x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
  static NIBBLE_INLINE __m256i round_half(__m256 x) {
    return _mm256_cvtps_epi32(_mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static NIBBLE_INLINE I32 round_to_int(F32 x) { return {round_half(x.a), round_half(x.b)}; }
  static NIBBLE_INLINE __m256 sign_half(__m256 x, __m256 t) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    const __m256 beyond = _mm256_cmp_ps(t, _mm256_andnot_ps(sign, x), _CMP_LT_OQ);
    return _mm256_and_ps(beyond, _mm256_or_ps(_mm256_and_ps(x, sign), _mm256_set1_ps(1)));
  }
  static NIBBLE_INLINE F32 sign_beyond(F32 x, F32 t) { return {sign_half(x.a, t.a), sign_half(x.b, t.b)}; }
  // Doubles.
  static NIBBLE_INLINE F64 zero_d() { const __m256d zero = _mm256_setzero_pd(); return {{zero, zero, zero, zero}}; }
  static NIBBLE_INLINE F64 add(F64 x, F64 y) { for (int i = 0; i < 4; ++i) x.v[i] = _mm256_add_pd(x.v[i], y.v[i]); return x; }
  static NIBBLE_INLINE double reduce_add(F64 x) {
    const __m256d d = _mm256_add_pd(_mm256_add_pd(x.v[0], x.v[2]), _mm256_add_pd(x.v[1], x.v[3]));
    const __m128d e = _mm_add_pd(_mm256_castpd256_pd128(d), _mm256_extractf128_pd(d, 1));
    return _mm_cvtsd_f64(_mm_add_sd(e, _mm_unpackhi_pd(e, e)));
  }
  static NIBBLE_INLINE F64 add_wide(F64 x, const float* p) {
    for (int i = 0; i < 4; ++i) x.v[i] = _mm256_add_pd(x.v[i], _mm256_cvtps_pd(_mm_loadu_ps(p + 4 * i)));
    return x;
  }
  static NIBBLE_INLINE I32 load_i8(const int8_t* p) {
    const auto eight = [](const int8_t* bytes) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)); };
    return {_mm256_cvtepi8_epi32(eight(p)), _mm256_cvtepi8_epi32(eight(p + 8))};
  }
  static NIBBLE_INLINE void store_i8(int8_t* p, I32 x) {
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static NIBBLE_INLINE void store_low_bytes(uint8_t* p, I32 x) {
    const __m256i low = _mm256_set1_epi32(255);
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(_mm256_and_si256(x.a, low), _mm256_and_si256(x.b, low)), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static NIBBLE_INLINE int32_t reduce_add(I32 x) {
    const __m256i b = _mm256_add_epi32(x.a, x.b);
    __m128i c = _mm_add_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
    c = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(c, _mm_shuffle_epi32(c, 0xB1)));
  }
  static NIBBLE_INLINE I32 broadcast_i(const int32_t* p) { return set_i(*p); }
  template <int LOW, int HIGH> static NIBBLE_INLINE __m256i lanes(__m256i x) {
    return _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(LOW, LOW, LOW, LOW, HIGH, HIGH, HIGH, HIGH));
  }
  template <int STEP> static NIBBLE_INLINE I32 spread2(I32 x) {
    return {lanes<2 * STEP, 2 * STEP>(x.a), lanes<2 * STEP + 1, 2 * STEP + 1>(x.a)};
  }
  template <int STEP> static NIBBLE_INLINE I32 spread4(I32 x) {
    constexpr int k = 4 * STEP % 8;
    const __m256i half = STEP < 2 ? x.a : x.b;
    return {lanes<k, k + 1>(half), lanes<k + 2, k + 3>(half)};
  }
  static NIBBLE_INLINE I32 low_halves(I32 x) {
    const __m256i mask = _mm256_set1_epi32(0xFFFF);
    return {_mm256_and_si256(x.a, mask), _mm256_and_si256(x.b, mask)};
  }
  static NIBBLE_INLINE I32 widen_u8x8(uint64_t bytes) {
    return {_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(int64_t(bytes))), _mm256_setzero_si256()};
  }
  static NIBBLE_INLINE I32 widen_u8x16(const uint8_t* p) {
    const auto eight = [](const uint8_t* bytes) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)); };
    return {_mm256_cvtepu8_epi32(eight(p)), _mm256_cvtepu8_epi32(eight(p + 8))};
  }
  static NIBBLE_INLINE I32 trits(I32 bytes, I32 powers) {
    const __m256i three = _mm256_set1_epi32(3);
    return {_mm256_mulhi_epu16(_mm256_mullo_epi16(bytes.a, powers.a), three), _mm256_mulhi_epu16(_mm256_mullo_epi16(bytes.b, powers.b), three)};
  }
  static NIBBLE_INLINE I32 widen_i8x16(uint64_t low, uint64_t high) {
    return {_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(int64_t(low))), _mm256_cvtepi8_epi32(_mm_cvtsi64_si128(int64_t(high)))};
  }
  static NIBBLE_INLINE I32 widen_u8_pairs(const uint8_t* p) {
    return {_mm256_cvtepu8_epi16(load128(p)), _mm256_cvtepu8_epi16(load128(p + 16))};
  }
  static NIBBLE_INLINE I32 widen_i8_pairs(const int8_t* p) { return {_mm256_cvtepi8_epi16(load128(p)), _mm256_cvtepi8_epi16(load128(p + 16))}; }
  static NIBBLE_INLINE void store_i16(int16_t* p, I32 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xD8));
  }
  // Bytes.
  static NIBBLE_INLINE U8 load_u8(const void* p) { return {load256(p), load256(static_cast<const char*>(p) + 32)}; }
  static NIBBLE_INLINE void store_u8(void* p, U8 x) {
    _mm256_storeu_si256(static_cast<__m256i*>(p), x.a), _mm256_storeu_si256(static_cast<__m256i*>(p) + 1, x.b);
  }
  static NIBBLE_INLINE U8 set_u8(uint8_t x) { return {_mm256_set1_epi8(char(x)), _mm256_set1_epi8(char(x))}; }
  static NIBBLE_INLINE U8 bit_or(U8 x, U8 y) { return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
  static NIBBLE_INLINE U8 sub_u8(U8 x, U8 y) { return {_mm256_sub_epi8(x.a, y.a), _mm256_sub_epi8(x.b, y.b)}; }
  static NIBBLE_INLINE __m256i select_half(__m256i mask, __m256i x, __m256i y) {
    return _mm256_or_si256(_mm256_and_si256(mask, x), _mm256_andnot_si256(mask, y));
  }
  template <int MASK> static NIBBLE_INLINE U8 select_bits(U8 x, U8 y) {
    const __m256i mask = _mm256_set1_epi8(char(MASK));
    return {select_half(mask, x.a, y.a), select_half(mask, x.b, y.b)};
  }
  template <int AND, int XOR> static NIBBLE_INLINE U8 and_xor(U8 x) {
    const __m256i mask = _mm256_set1_epi8(char(AND)), flip = _mm256_set1_epi8(char(XOR));
    return {_mm256_xor_si256(_mm256_and_si256(x.a, mask), flip), _mm256_xor_si256(_mm256_and_si256(x.b, mask), flip)};
  }
  template <int N> static NIBBLE_INLINE __m256i shift_half(__m256i x) {
    if constexpr (N < 0) return _mm256_slli_epi16(x, -N);
    return N > 0 ? _mm256_srli_epi16(x, N < 0 ? 0 : N) : x;
  }
  template <int N> static NIBBLE_INLINE U8 shift_in_bytes(U8 x) { return {shift_half<N>(x.a), shift_half<N>(x.b)}; }
  template <int LOW, int HIGH> static NIBBLE_INLINE U8 shift_dup32(const void* p) {
    const __m256i x = load256(p);
    return {shift_half<LOW>(x), shift_half<HIGH>(x)};
  }
  template <int N> static NIBBLE_INLINE __m256i masked_shift(__m256i x, int mask) {
    return _mm256_and_si256(N ? _mm256_srli_epi16(x, N) : x, _mm256_set1_epi8(char(mask)));
  }
  template <int N, int MASK> static NIBBLE_INLINE U8 field(U8 x) { return {masked_shift<N>(x.a, MASK), masked_shift<N>(x.b, MASK)}; }
  template <int N> static NIBBLE_INLINE U8 shift_left(U8 x) { return {_mm256_slli_epi16(x.a, N), _mm256_slli_epi16(x.b, N)}; }
  template <int LOW, int HIGH, int MASK> static NIBBLE_INLINE U8 field_dup32(const void* p) {
    const __m256i x = load256(p);
    return {masked_shift<LOW>(x, MASK), masked_shift<HIGH>(x, MASK)};
  }
  template <int LOW, int HIGH> static NIBBLE_INLINE __m256i shift_dup16_half(const void* p) {
    const __m128i x = load128(p);
    return _mm256_setr_m128i(LOW ? _mm_srli_epi16(x, LOW) : x, HIGH ? _mm_srli_epi16(x, HIGH) : x);
  }
  template <int LOW, int HIGH> static NIBBLE_INLINE U8 shift_dup16(const void* p0, const void* p1) {
    return {shift_dup16_half<LOW, HIGH>(p0), shift_dup16_half<LOW, HIGH>(p1)};
  }
  template <int LOW, int HIGH, int MASK> static NIBBLE_INLINE U8 field_dup16(const void* p0, const void* p1) {
    const U8 x = shift_dup16<LOW, HIGH>(p0, p1);
    return {masked_shift<0>(x.a, MASK), masked_shift<0>(x.b, MASK)};
  }
  static NIBBLE_INLINE U8 load_2x32(const void* p0, const void* p1) { return {load256(p0), load256(p1)}; }
  static NIBBLE_INLINE U8 load_4x16(const void* p, size_t stride) {
    const char* const b = static_cast<const char*>(p);
    return {_mm256_setr_m128i(load128(b), load128(b + stride)), _mm256_setr_m128i(load128(b + 2 * stride), load128(b + 3 * stride))};
  }
  static NIBBLE_INLINE U8 lookup16(const int8_t* table, U8 index) {
    const __m256i t = _mm256_broadcastsi128_si256(load128(table));
    return {_mm256_shuffle_epi8(t, index.a), _mm256_shuffle_epi8(t, index.b)};
  }
  static NIBBLE_INLINE __m256i bits32_to_bytes(uint32_t bits, uint8_t value) {
    const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i select = _mm256_set1_epi64x(int64_t(0x8040201008040201));
    const __m256i x = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(int(bits)), spread), select);
    return _mm256_and_si256(_mm256_cmpeq_epi8(x, select), _mm256_set1_epi8(char(value)));
  }
  static NIBBLE_INLINE U8 bits_to_masks(uint64_t bits) { return bits_to_bytes(bits, 0xFF); }
  static NIBBLE_INLINE U8 bits_to_bytes(uint64_t bits, uint8_t value) {
    return {bits32_to_bytes(uint32_t(bits), value), bits32_to_bytes(uint32_t(bits >> 32), value)};
  }
  static NIBBLE_INLINE U8 bias_signed(U8 x) {
    if constexpr (kSignedBias == 0) return x;
    const __m256i flip = _mm256_set1_epi8(char(0x80));
    return {_mm256_xor_si256(x.a, flip), _mm256_xor_si256(x.b, flip)};
  }
  static NIBBLE_INLINE U8 broadcast4(const void* p) {
    int32_t word;
    __builtin_memcpy(&word, p, 4);
    return {_mm256_set1_epi32(word), _mm256_set1_epi32(word)};
  }
  static NIBBLE_INLINE __m256i dot_half(__m256i acc, __m256i w, __m256i a) {
#if defined(__AVX512VNNI__)
    return _mm256_dpbusd_epi32(acc, w, a);
#elif defined(__AVXVNNI__)
    return _mm256_dpbusd_avx_epi32(acc, w, a);
#else
    // Pairs of products of 7-bit weights stay within int16: 2 * 127 * 127.
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(w, a), _mm256_set1_epi16(1)));
#endif
  }
  static NIBBLE_INLINE I32 dot_u7(I32 acc, U8 w, U8 a) { return {dot_half(acc.a, w.a, a.a), dot_half(acc.b, w.b, a.b)}; }
  static NIBBLE_INLINE __m256i dot_signed_half(__m256i acc, __m256i w, __m256i a) {
    if constexpr (kSignedBias != 0) return dot_half(acc, w, a);
    return dot_half(acc, _mm256_abs_epi8(w), _mm256_sign_epi8(a, w));  // |w| up to 128 still fits: 2 * 128 * 127
  }
  static NIBBLE_INLINE I32 dot_s8(I32 acc, U8 w, U8 a) { return {dot_signed_half(acc.a, w.a, a.a), dot_signed_half(acc.b, w.b, a.b)}; }
  static NIBBLE_INLINE I32 dot_pairs(I32 acc, I32 x, I32 y) {
    return {_mm256_add_epi32(acc.a, _mm256_madd_epi16(x.a, y.a)), _mm256_add_epi32(acc.b, _mm256_madd_epi16(x.b, y.b))};
  }
  static NIBBLE_INLINE U8 as_bytes(I32 x) { return {x.a, x.b}; }
  static NIBBLE_INLINE I32 as_ints(U8 x) { return {x.a, x.b}; }

  static NIBBLE_INLINE I32 sum4(const I32* v) {
    return {_mm256_hadd_epi32(_mm256_hadd_epi32(v[0].a, v[1].a), _mm256_hadd_epi32(v[2].a, v[3].a)),
            _mm256_hadd_epi32(_mm256_hadd_epi32(v[0].b, v[1].b), _mm256_hadd_epi32(v[2].b, v[3].b))};
  }
  // The sums of both 128-bit lanes of x, then of y.
  static NIBBLE_INLINE __m256i add_lanes(__m256i x, __m256i y) {
    return _mm256_add_epi32(_mm256_permute2x128_si256(x, y, 0x20), _mm256_permute2x128_si256(x, y, 0x31));
  }
  static NIBBLE_INLINE void merge_quarters(const I32* q, I32* out) {
    out[0] = {_mm256_permute2x128_si256(q[0].a, q[1].a, 0x20), _mm256_permute2x128_si256(q[2].a, q[3].a, 0x20)};
    out[1] = {_mm256_permute2x128_si256(q[0].a, q[1].a, 0x31), _mm256_permute2x128_si256(q[2].a, q[3].a, 0x31)};
    out[2] = {_mm256_permute2x128_si256(q[0].b, q[1].b, 0x20), _mm256_permute2x128_si256(q[2].b, q[3].b, 0x20)};
    out[3] = {_mm256_permute2x128_si256(q[0].b, q[1].b, 0x31), _mm256_permute2x128_si256(q[2].b, q[3].b, 0x31)};
  }
  static NIBBLE_INLINE void merge_halves(const I32* q, I32& even, I32& odd) {
    even = {add_lanes(q[0].a, q[1].a), add_lanes(q[2].a, q[3].a)};
    odd = {add_lanes(q[0].b, q[1].b), add_lanes(q[2].b, q[3].b)};
  }
  static NIBBLE_INLINE I32 merge(const I32* q) {
    return {add_lanes(_mm256_add_epi32(q[0].a, q[0].b), _mm256_add_epi32(q[1].a, q[1].b)),
            add_lanes(_mm256_add_epi32(q[2].a, q[2].b), _mm256_add_epi32(q[3].a, q[3].b))};
  }
  static NIBBLE_INLINE void transpose_words8(const void* const* rows, __m256i* words) {
    __m256i v[4];  // rows i and i + 4
    for (int i = 0; i < 4; ++i) v[i] = _mm256_setr_m128i(load128(rows[i]), load128(rows[i + 4]));
    const __m256i a = _mm256_unpacklo_epi32(v[0], v[1]), b = _mm256_unpackhi_epi32(v[0], v[1]);
    const __m256i c = _mm256_unpacklo_epi32(v[2], v[3]), d = _mm256_unpackhi_epi32(v[2], v[3]);
    words[0] = _mm256_unpacklo_epi64(a, c), words[1] = _mm256_unpackhi_epi64(a, c);
    words[2] = _mm256_unpacklo_epi64(b, d), words[3] = _mm256_unpackhi_epi64(b, d);
  }
  static NIBBLE_INLINE void transpose_words(const void* const* rows, I32* words) {
    __m256i low[4], high[4];
    transpose_words8(rows, low);
    transpose_words8(rows + 8, high);
    for (int k = 0; k < 4; ++k) words[k] = {low[k], high[k]};
  }
  static NIBBLE_INLINE void transpose8(__m256i* v) {
    __m256i t[8];
    for (int i = 0; i < 8; i += 4) {
      const __m256i a = _mm256_unpacklo_epi32(v[i], v[i + 1]), b = _mm256_unpackhi_epi32(v[i], v[i + 1]);
      const __m256i c = _mm256_unpacklo_epi32(v[i + 2], v[i + 3]), d = _mm256_unpackhi_epi32(v[i + 2], v[i + 3]);
      t[i] = _mm256_unpacklo_epi64(a, c), t[i + 1] = _mm256_unpackhi_epi64(a, c);
      t[i + 2] = _mm256_unpacklo_epi64(b, d), t[i + 3] = _mm256_unpackhi_epi64(b, d);
    }
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x20);
      v[i + 4] = _mm256_permute2x128_si256(t[i], t[i + 4], 0x31);
    }
  }
  static NIBBLE_INLINE void transpose(I32* v) {
    __m256i block[2][2][8];  // (row half, column half)
    for (int i = 0; i < 8; ++i) {
      block[0][0][i] = v[i].a, block[0][1][i] = v[i].b;
      block[1][0][i] = v[i + 8].a, block[1][1][i] = v[i + 8].b;
    }
    for (auto& half : block) for (auto& b : half) transpose8(b);
    for (int i = 0; i < 8; ++i) v[i] = {block[0][0][i], block[1][0][i]}, v[i + 8] = {block[0][1][i], block[1][1][i]};
  }
};

}  // namespace
}  // namespace nibble
