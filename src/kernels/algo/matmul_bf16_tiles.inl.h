// BF16 weights times activations rounded to bf16, with AMX tiles: C (16 rows x 16 columns) += A (16 rows x 32 weights in file order)
// * B (32 activations x 16 columns, interleaved by pairs). C is one chain over the pairs of K, whatever the number of columns, so that
// decode and prefill give the same bits.
#pragma once
#include "kernels/isa/avx512.h"
#include "kernels/kernels.h"

namespace nibble {
namespace {

constexpr int kBf16Groups = 2;            // of 16 rows, worked on together: they share what is read of the activations
constexpr int64_t kBf16Step = 32;         // values of K a tile holds
constexpr int64_t kBf16ChunkSteps = 16;   // rows of a chunk stay in the first cache while all columns pass
constexpr int64_t kBf16Chunk = kBf16Step * kBf16ChunkSteps;

struct Bf16Scratch {
  int64_t tiles, chunks;
  uint16_t* x;    // (chunk, tile of 16 columns, step, pair, (column, 2)); what does not exist is zero
  float* totals;  // (tile, kBf16Groups * 16 rows, column)
  uint16_t* step(int64_t chunk, int64_t tile) const { return x + (chunk * tiles + tile) * kBf16ChunkSteps * 512; }
};
// Weights of a chunk as tiles: (group, step, row, k).
using Bf16Panel = uint16_t[kBf16Groups][kBf16ChunkSteps][16][kBf16Step];

NIBBLE_INLINE __mmask16 lanes_below(int64_t n) { return __mmask16(n >= 16 ? 0xFFFF : n <= 0 ? 0 : (1u << n) - 1u); }

NIBBLE_INLINE void round_activations(const MatmulArgs& args, const Bf16Scratch& s) {
  for (int64_t chunk = 0; chunk < s.chunks; ++chunk)
    for (int64_t tile = 0; tile < s.tiles; ++tile) {
      uint16_t* out = s.step(chunk, tile);
      for (int64_t k = chunk * kBf16Chunk; k < (chunk + 1) * kBf16Chunk && k < args.length; k += kBf16Step) {
        Isa::I32 v[16];
        const __mmask16 low = lanes_below(args.length - k), high = lanes_below(args.length - k - 16);
        for (int c = 0; c < 16; ++c) {
          const int64_t column = 16 * tile + c;
          const float* x = args.x + column * args.x_stride + k;
          v[c].v = column < args.columns
                       ? (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, x + 16), _mm512_maskz_loadu_ps(low, x))
                       : _mm512_setzero_si512();
        }
        Isa::transpose(v);
        for (int i = 0; i < 16; ++i, out += 32) _mm512_store_si512(out, v[i].v);
      }
    }
}

// Rows from `row` on; those beyond the range repeat the last one. The rows that come next are brought near, in the order in which
// they lie.
NIBBLE_INLINE void fill_panel(const MatmulArgs& args, int64_t row, int64_t chunk, int64_t steps, Bf16Panel& panel) {
  for (int g = 0; g < kBf16Groups; ++g)
    for (int r = 0; r < 16; ++r) {
      const int64_t wanted = row + 16 * g + r, next = wanted + kBf16Groups * 16;
      const int64_t index = wanted < args.row_end ? wanted : args.row_end - 1;
      const uint8_t* w = args.weights + size_t(index) * args.row_bytes + size_t(chunk * kBf16Chunk) * 2;
      const bool ahead = next < args.row_end;
      for (int64_t step = 0; step < steps; ++step, w += 64) {
        const int64_t rest = args.length - chunk * kBf16Chunk - step * kBf16Step;
        const __mmask32 mask = rest >= kBf16Step ? ~__mmask32(0) : (__mmask32(1) << rest) - 1;
        _mm512_store_si512(panel[g][step][r], _mm512_maskz_loadu_epi16(mask, w));
        if (ahead) __builtin_prefetch(w + kBf16Groups * 16 * args.row_bytes, 0, 2);
      }
    }
}

template <int C, int A, int B>
NIBBLE_INLINE void dot_tiles() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}

// A chunk of K for the panel's rows and one or two tiles of columns, b and b + kBf16ChunkSteps * 512.
template <bool TWO>
NIBBLE_INLINE void multiply_panel(const Bf16Panel& panel, const uint16_t* b, int64_t steps, float* totals, bool first) {
  using T = AmxTiles;
  if (first) {
    T::zero<0>(), T::zero<1>();
    if constexpr (TWO) T::zero<2>(), T::zero<3>();
  } else {
    T::load<0>(totals), T::load<1>(totals + 256);
    if constexpr (TWO) T::load<2>(totals + 512), T::load<3>(totals + 768);
  }
  for (int64_t step = 0; step < steps; ++step, b += 512) {
    T::load<T::kA>(panel[0][step]), T::load<T::kB>(b);
    dot_tiles<0, T::kA, T::kB>();
    T::load<T::kA + 1>(panel[1][step]);
    dot_tiles<1, T::kA + 1, T::kB>();
    if constexpr (TWO) {
      T::load<T::kB + 1>(b + kBf16ChunkSteps * 512);
      dot_tiles<2, T::kA, T::kB + 1>(), dot_tiles<3, T::kA + 1, T::kB + 1>();
    }
  }
  T::store<0>(totals), T::store<1>(totals + 256);
  if constexpr (TWO) T::store<2>(totals + 512), T::store<3>(totals + 768);
}

NIBBLE_INLINE void store_columns(const MatmulArgs& args, const Bf16Scratch& s, int64_t row) {
  for (int64_t tile = 0; tile < s.tiles; ++tile)
    for (int g = 0; g < kBf16Groups && row + 16 * g < args.row_end; ++g) {
      Isa::I32 v[16];
      for (int r = 0; r < 16; ++r) v[r].v = _mm512_load_si512(s.totals + ((tile * kBf16Groups + g) * 16 + r) * 16);
      Isa::transpose(v);
      const __mmask16 rows = lanes_below(args.row_end - row - 16 * g);
      for (int c = 0; c < 16 && 16 * tile + c < args.columns; ++c)
        _mm512_mask_storeu_epi32(args.out + (16 * tile + c) * args.out_stride + row + 16 * g, rows, v[c].v);
    }
}

void matmul_bf16(const MatmulArgs& args) {
  if (args.row_begin >= args.row_end || args.columns <= 0) return;
  Bf16Scratch s;
  s.tiles = (args.columns + 15) / 16, s.chunks = (args.length + kBf16Chunk - 1) / kBf16Chunk;
  s.x = reinterpret_cast<uint16_t*>(args.scratch);
  s.totals = reinterpret_cast<float*>(s.step(s.chunks, 0));
  if (!args.scratch_filled) round_activations(args, s);
  alignas(64) Bf16Panel panel;
  AmxTiles::configure(64);
  for (int64_t row = args.row_begin; row < args.row_end; row += kBf16Groups * 16) {
    for (int64_t chunk = 0; chunk < s.chunks; ++chunk) {
      const int64_t left = (args.length - chunk * kBf16Chunk + kBf16Step - 1) / kBf16Step;
      const int64_t steps = left < kBf16ChunkSteps ? left : kBf16ChunkSteps;
      fill_panel(args, row, chunk, steps, panel);
      int64_t tile = 0;
      for (; tile + 2 <= s.tiles; tile += 2)
        multiply_panel<true>(panel, s.step(chunk, tile), steps, s.totals + tile * 512, chunk == 0);
      if (tile < s.tiles) multiply_panel<false>(panel, s.step(chunk, tile), steps, s.totals + tile * 512, chunk == 0);
    }
    store_columns(args, s, row);
  }
  AmxTiles::release();
}

double peak_bf16(int64_t iterations) {
  using T = AmxTiles;
  alignas(64) uint16_t values[512];
  for (auto& v : values) v = 0x3F80;
  T::configure(64);
  T::load<T::kA>(values), T::load<T::kB>(values);
  T::zero<0>(), T::zero<1>(), T::zero<2>(), T::zero<3>();
  for (int64_t i = 0; i < iterations; ++i)
    dot_tiles<0, T::kA, T::kB>(), dot_tiles<1, T::kA, T::kB>(), dot_tiles<2, T::kA, T::kB>(), dot_tiles<3, T::kA, T::kB>();
  T::store<0>(values);
  T::release();
  volatile uint16_t sink = values[0];
  (void)sink;
  return double(iterations) * 4 * 16 * 16 * double(kBf16Step);
}

}  // namespace
}  // namespace nibble
