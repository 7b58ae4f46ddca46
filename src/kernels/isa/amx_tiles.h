// AMX-INT8 beside AVX-512: eight tile registers of 16 rows of 64 bytes. C (16 x 16 int32) += A (16 x K bytes) * B (K / 4 x 16 groups
// of 4 bytes), K at most 64. Included by avx512.h where the flags allow it; what the tiles are used for is in
// algo/matmul_tiles.inl.h. Assembly rather than the compiler's intrinsics, which do not tell that a tile load reads memory.
#pragma once
#include <immintrin.h>

#include "kernels/isa/vocabulary.h"

#define NIBBLE_ISA_TILES  // algorithms use Isa::Tiles

namespace nibble {
namespace {

struct AmxTiles {
  // Registers 0 to 3 are accumulators, kA and kA + 1 are A, kB and kB + 1 are B.
  static constexpr int kA = 4, kB = 6;

  // The shapes, on this thread, until release(). K in bytes: 64 or 32.
  static NIBBLE_INLINE void configure(int k) {
    struct alignas(64) { uint8_t palette, start_row, reserved[14]; uint16_t row_bytes[16]; uint8_t rows[16]; } config = {};
    config.palette = 1;
    for (int i = 0; i < 8; ++i) {
      config.row_bytes[i] = uint16_t(i == kA || i == kA + 1 ? k : 64);
      config.rows[i] = uint8_t(i >= kB ? k / 4 : 16);
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
  }
  static NIBBLE_INLINE void release() { __asm__ volatile("tilerelease" : : : "memory"); }
  template <int T> static NIBBLE_INLINE void zero() { __asm__ volatile("tilezero %%tmm%c0" : : "i"(T)); }
  // Rows are 64 bytes apart.
  template <int T> static NIBBLE_INLINE void load(const void* p) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(int64_t(64)), "i"(T) : "memory");
  }
  template <int T> static NIBBLE_INLINE void store(void* p) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(int64_t(64)), "i"(T) : "memory");
  }
  // The bytes of A are signed or not; those of B are signed.
  template <bool SIGNED, int C, int A, int B> static NIBBLE_INLINE void dot() {
    if constexpr (SIGNED) __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
    else __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }

  static NIBBLE_INLINE __m512i subtract_bytes(__m512i a, int x) { return _mm512_sub_epi8(a, _mm512_set1_epi8(char(x))); }
  // The int16 scales of the SUBS sub-blocks of 256 values, in int32 lanes, spread to the int16 lanes of 64 codes.
  template <int SUBS, int STEP> static NIBBLE_INLINE __m512i spread_words(__m512i scales) {
    alignas(64) static constexpr auto kIndex = [] {
      struct { int16_t v[32]; } index = {};
      for (int i = 0; i < 32; ++i) index.v[i] = int16_t(2 * (SUBS / 4 * STEP + i * (SUBS / 4) / 32));
      return index;
    }();
    return _mm512_permutexvar_epi16(_mm512_load_si512(kIndex.v), scales);
  }
  // A word for the lower half, another for the upper.
  static NIBBLE_INLINE __m512i words_of_halves(int lower, int upper) {
    return _mm512_inserti64x4(_mm512_set1_epi16(short(lower)), _mm256_set1_epi16(short(upper)), 1);
  }
  // The halves of words as half floats.
  static NIBBLE_INLINE __m512 low_half_floats(__m512i words) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words)); }
  static NIBBLE_INLINE __m512 high_half_floats(__m512i words) { return low_half_floats(_mm512_srli_epi32(words, 16)); }
  // Sixteen bytes for the indices of the lower half, sixteen for those of the upper.
  static NIBBLE_INLINE __m512i lookup_halves(const uint8_t* lower, const uint8_t* upper, __m512i index) {
    const __m512i first = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i*)lower));
    return _mm512_shuffle_epi8(_mm512_mask_broadcast_i32x4(first, 0xFF00, _mm_load_si128((const __m128i*)upper)), index);
  }
  // Four bytes for the indices of each quarter: int32 lanes 4 * STEP to 4 * STEP + 3.
  template <int STEP> static NIBBLE_INLINE __m512i lookup_quarters(__m512i tables, __m512i index) {
    constexpr int k = 4 * STEP;
    const __m512i lanes = _mm512_setr_epi32(k, k, k, k, k + 1, k + 1, k + 1, k + 1, k + 2, k + 2, k + 2, k + 2, k + 3, k + 3, k + 3, k + 3);
    return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, tables), index);
  }
  // int16 products of signed codes and int16 scales, as an unsigned low and a signed high byte.
  static NIBBLE_INLINE void multiply(__m512i codes, __m512i scales, __m512i& low, __m512i& high) {
    const __m512i even = _mm512_mullo_epi16(_mm512_srai_epi16(_mm512_slli_epi16(codes, 8), 8), scales);
    const __m512i odd = _mm512_mullo_epi16(_mm512_srai_epi16(codes, 8), scales);
    const __m512i high_bytes = _mm512_set1_epi16(int16_t(0xFF00));
    low = _mm512_ternarylogic_epi32(high_bytes, _mm512_slli_epi16(odd, 8), even, 0xCA);  // high_bytes ? odd : even
    high = _mm512_ternarylogic_epi32(high_bytes, odd, _mm512_srli_epi16(even, 8), 0xCA);
  }
};

}  // namespace
}  // namespace nibble
