// BF16 weights times activations rounded to bf16, with dpbf16ps: 16 lanes, each a chain over pairs of values.
#pragma once
#include <immintrin.h>

#include <cstdint>

#include "kernels/kernels.h"

namespace nibble {
namespace {

constexpr int64_t kBf16Step = 32;  // values a register holds

inline __attribute__((always_inline)) __mmask16 lanes_below(int64_t n) {
  return __mmask16(n >= 16 ? 0xFFFF : n <= 0 ? 0 : (1u << n) - 1u);
}

// n values of x, at most 32, as bf16; zeros above.
inline __attribute__((always_inline)) __m512bh round_activations(const float* x, int64_t n) {
  if (n >= kBf16Step) return _mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
  return _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(lanes_below(n - 16), x + 16), _mm512_maskz_loadu_ps(lanes_below(n), x));
}

inline __attribute__((always_inline)) __m512bh load_weights(const uint16_t* w, int64_t n) {
  if (n >= kBf16Step) return (__m512bh)_mm512_loadu_si512(w);
  return (__m512bh)_mm512_maskz_loadu_epi16((__mmask32)((1u << n) - 1u), w);
}

inline __attribute__((always_inline)) float add_lanes(__m512 a) {
  const __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  const __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  const __m128 d = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps(d, d, 1)));
}

// NR rows times NC columns. Rows beyond the range repeat the last one and are not stored.
template <int NR, int NC>
inline __attribute__((always_inline)) void tile_bf16(const MatmulArgs& args, int64_t row, int column) {
  const uint16_t* w[NR];
  for (int r = 0; r < NR; ++r) {
    const int64_t clamped = row + r < args.row_end ? row + r : args.row_end - 1;
    w[r] = reinterpret_cast<const uint16_t*>(args.weights + size_t(clamped) * args.row_bytes);
  }
  const float* const x = args.x + column * args.x_stride;
  __m512 acc[NR][NC];
  for (int r = 0; r < NR; ++r) for (int c = 0; c < NC; ++c) acc[r][c] = _mm512_setzero_ps();
  const auto step = [&](int64_t k, int64_t n) __attribute__((always_inline)) {
    __m512bh v[NC];
#pragma GCC unroll 8
    for (int c = 0; c < NC; ++c) v[c] = round_activations(x + c * args.x_stride + k, n);
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) {
      const __m512bh weights = load_weights(w[r] + k, n);
      if constexpr (NC == 1) __builtin_prefetch(w[r] + k + NR * args.length, 0, 2);
#pragma GCC unroll 8
      for (int c = 0; c < NC; ++c) acc[r][c] = _mm512_dpbf16_ps(acc[r][c], weights, v[c]);
    }
  };
  int64_t k = 0;
  for (; k + kBf16Step <= args.length; k += kBf16Step) step(k, kBf16Step);
  if (k < args.length) step(k, args.length - k);
  for (int c = 0; c < NC; ++c)
    for (int r = 0; r < NR && row + r < args.row_end; ++r)
      args.out[(column + c) * args.out_stride + row + r] = add_lanes(acc[r][c]);
}

void matmul_bf16(const MatmulArgs& args) {
  constexpr int kRows = 8, kColumns = 3;  // 24 sums, 3 columns and a row's weights fill the registers
  for (int64_t row = args.row_begin; row < args.row_end; row += kRows) {
    int c = 0;
    for (; c + kColumns <= args.columns; c += kColumns) tile_bf16<kRows, kColumns>(args, row, c);
    for (; c < args.columns; ++c) tile_bf16<kRows, 1>(args, row, c);
  }
}

double peak_bf16(int64_t iterations) {
  constexpr int kSums = 12;
  __m512 acc[kSums];
  for (__m512& a : acc) a = _mm512_setzero_ps();
  __m512bh w = (__m512bh)_mm512_set1_epi16(0x3F80), x = (__m512bh)_mm512_set1_epi16(0x3F00);
  __asm__ volatile("" : "+v"(w), "+v"(x));  // values the compiler cannot know
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < kSums; ++k) acc[k] = _mm512_dpbf16_ps(acc[k], w, x);
  }
  for (int k = 1; k < kSums; ++k) acc[0] = _mm512_add_ps(acc[0], acc[k]);
  volatile float sink = add_lanes(acc[0]);
  (void)sink;
  return double(iterations) * kSums * double(kBf16Step);
}

}  // namespace
}  // namespace nibble
