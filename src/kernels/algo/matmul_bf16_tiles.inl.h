// BF16 weights times activations rounded to bf16, with AMX tiles: C (16 rows x 16 columns) += A (16 rows x 32 weights in file order)
// * B (32 activations x 16 columns, interleaved by pairs). C is one chain over the pairs of K, whatever the number of columns, so that
// decode and prefill give the same bits.
#pragma once
#include "kernels/isa/avx512.h"
#include "kernels/kernels.h"

namespace nibble {
namespace {

constexpr int kBf16Groups = 2;           // of 16 rows, worked on together: they share what is read of the activations
constexpr int64_t kBf16Rows = 16 * kBf16Groups;
constexpr int64_t kBf16Step = 32;        // values of K a tile holds
constexpr int64_t kBf16ChunkSteps = 16;  // of these: rows of a chunk stay in the first cache while all columns pass
constexpr int64_t kBf16Chunk = kBf16Step * kBf16ChunkSteps;
constexpr int64_t kTile = 512;           // bf16 values
constexpr int64_t kTotals = 256;         // floats

// T: tiles of 16 columns that are worked on together, 1 or 2.
template <int T>
struct Bf16Scratch {
  int64_t blocks, chunks;  // of T * 16 columns; of K
  uint16_t* x;    // (chunk, block, step, T, pair, (column, 2)); what does not exist is zero
  float* totals;  // (group of kBf16Rows rows, block, T, 16-row group, row, column)
  uint16_t* step(int64_t chunk, int64_t block) const { return x + (chunk * blocks + block) * kBf16ChunkSteps * T * kTile; }
};
using Bf16Panel = uint16_t[kBf16Groups][kBf16ChunkSteps][16][kBf16Step];  // weights of a chunk as tiles

NIBBLE_INLINE __mmask16 lanes_below(int64_t n) { return __mmask16(n >= 16 ? 0xFFFF : n <= 0 ? 0 : (1u << n) - 1u); }
NIBBLE_INLINE int64_t chunk_steps(const MatmulArgs& args, int64_t chunk) {
  const int64_t left = (args.length - chunk * kBf16Chunk + kBf16Step - 1) / kBf16Step;
  return left < kBf16ChunkSteps ? left : kBf16ChunkSteps;
}

template <int T>
NIBBLE_INLINE void round_activations(const MatmulArgs& args, const Bf16Scratch<T>& s) {
  for (int64_t chunk = 0; chunk < s.chunks; ++chunk)
    for (int64_t tile = 0; tile < s.blocks * T; ++tile) {
      uint16_t* out = s.step(chunk, tile / T) + tile % T * kTile;
      const int64_t steps = chunk_steps(args, chunk);
      for (int64_t step = 0; step < steps; ++step, out += T * kTile) {
        const int64_t k = chunk * kBf16Chunk + step * kBf16Step;
        const __mmask16 low = lanes_below(args.length - k), high = lanes_below(args.length - k - 16);
        Isa::I32 v[16];
        for (int c = 0; c < 16; ++c) {
          const int64_t column = 16 * tile + c;
          const float* x = args.x + column * args.x_stride + k;
          v[c].v = column < args.columns
                       ? (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, x + 16), _mm512_maskz_loadu_ps(low, x))
                       : _mm512_setzero_si512();
        }
        Isa::transpose(v);
        for (int i = 0; i < 16; ++i) _mm512_store_si512(out + 32 * i, v[i].v);
      }
    }
}

// Rows from `row` on; those beyond the range repeat the last one.
NIBBLE_INLINE void fill_panel(const MatmulArgs& args, int64_t row, int64_t chunk, Bf16Panel& panel) {
  const int64_t steps = chunk_steps(args, chunk);
  for (int g = 0; g < kBf16Groups; ++g)
    for (int r = 0; r < 16; ++r) {
      const int64_t wanted = row + 16 * g + r;
      const uint8_t* w = args.weights + size_t(wanted < args.row_end ? wanted : args.row_end - 1) * args.row_bytes + size_t(chunk * kBf16Chunk) * 2;
      for (int64_t step = 0; step < steps; ++step, w += 64) {
        const int64_t rest = args.length - chunk * kBf16Chunk - step * kBf16Step;
        const __mmask32 mask = rest >= kBf16Step ? ~__mmask32(0) : (__mmask32(1) << rest) - 1;
        _mm512_store_si512(panel[g][step][r], _mm512_maskz_loadu_epi16(mask, w));
      }
    }
}

template <int C, int A, int B>
NIBBLE_INLINE void dot_tiles() {
  __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
}
template <int TILE>
NIBBLE_INLINE void load_rows(const void* p, int64_t row_bytes) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(row_bytes), "i"(TILE) : "memory");
}

template <int T>
NIBBLE_INLINE void begin_totals() {
  AmxTiles::zero<0>(), AmxTiles::zero<1>();
  if constexpr (T == 2) AmxTiles::zero<2>(), AmxTiles::zero<3>();
}
template <int T>
NIBBLE_INLINE void load_totals(const float* totals) {
  AmxTiles::load<0>(totals), AmxTiles::load<1>(totals + kTotals);
  if constexpr (T == 2) AmxTiles::load<2>(totals + 2 * kTotals), AmxTiles::load<3>(totals + 3 * kTotals);
}
template <int T>
NIBBLE_INLINE void store_totals(float* totals) {
  AmxTiles::store<0>(totals), AmxTiles::store<1>(totals + kTotals);
  if constexpr (T == 2) AmxTiles::store<2>(totals + 2 * kTotals), AmxTiles::store<3>(totals + 3 * kTotals);
}

// A step of both row groups, at `first` and `second`, rows `stride` bytes apart.
template <int T>
NIBBLE_INLINE void multiply_step(const void* first, const void* second, int64_t stride, const uint16_t* b) {
  using Tiles = AmxTiles;
  load_rows<Tiles::kA>(first, stride), Tiles::load<Tiles::kB>(b);
  dot_tiles<0, Tiles::kA, Tiles::kB>();
  load_rows<Tiles::kA + 1>(second, stride);
  dot_tiles<1, Tiles::kA + 1, Tiles::kB>();
  if constexpr (T == 2) {
    Tiles::load<Tiles::kB + 1>(b + kTile);
    dot_tiles<2, Tiles::kA, Tiles::kB + 1>(), dot_tiles<3, Tiles::kA + 1, Tiles::kB + 1>();
  }
}

template <int T>
NIBBLE_INLINE void store_columns(const MatmulArgs& args, int64_t blocks, const float* totals, int64_t row) {
  for (int64_t tile = 0; tile < blocks * T; ++tile)
    for (int g = 0; g < kBf16Groups && row + 16 * g < args.row_end; ++g) {
      Isa::I32 v[16];
      for (int r = 0; r < 16; ++r) v[r].v = _mm512_load_si512(totals + (tile * kBf16Groups + g) * kTotals + 16 * r);
      Isa::transpose(v);
      const __mmask16 rows = lanes_below(args.row_end - row - 16 * g);
      for (int c = 0; c < 16 && 16 * tile + c < args.columns; ++c)
        _mm512_mask_storeu_epi32(args.out + (16 * tile + c) * args.out_stride + row + 16 * g, rows, v[c].v);
    }
}

// One block of columns and whole tiles of weights: they are read where they lie, once. Prefetching only costs here.
template <int T>
NIBBLE_INLINE void multiply_in_place(const MatmulArgs& args, const Bf16Scratch<T>& s, int64_t row) {
  const int64_t stride = int64_t(args.row_bytes);
  const uint8_t* w = args.weights + row * stride;
  begin_totals<T>();
  for (int64_t chunk = 0; chunk < s.chunks; ++chunk) {
    const int64_t steps = chunk_steps(args, chunk);
    const uint16_t* b = s.step(chunk, 0);
    for (int64_t step = 0; step < steps; ++step, w += 64, b += T * kTile) multiply_step<T>(w, w + 16 * stride, stride, b);
  }
  store_totals<T>(s.totals);
}

// A chunk of K for the panel's rows and all columns.
template <int T>
NIBBLE_INLINE void multiply_panel(const Bf16Panel& panel, const Bf16Scratch<T>& s, int64_t chunk, int64_t steps, float* totals) {
  for (int64_t block = 0; block < s.blocks; ++block, totals += T * kBf16Groups * kTotals) {
    if (chunk == 0) begin_totals<T>();
    else load_totals<T>(totals);
    const uint16_t* b = s.step(chunk, block);
    for (int64_t step = 0; step < steps; ++step, b += T * kTile) multiply_step<T>(panel[0][step], panel[1][step], 64, b);
    store_totals<T>(totals);
  }
}

// Many columns: a chunk of their values stays in the second cache while a block of rows passes.
template <int T>
void multiply_columns(const MatmulArgs& args) {
  Bf16Scratch<T> s;
  s.blocks = (args.columns + T * 16 - 1) / (T * 16), s.chunks = (args.length + kBf16Chunk - 1) / kBf16Chunk;
  s.x = reinterpret_cast<uint16_t*>(args.scratch);
  s.totals = reinterpret_cast<float*>(s.step(s.chunks, 0));
  if (!args.scratch_filled) round_activations<T>(args, s);
  alignas(64) Bf16Panel panel;
  AmxTiles::configure(64);
  const int64_t group_totals = s.blocks * T * kBf16Groups * kTotals;
  for (int64_t first = args.row_begin; first < args.row_end;) {
    if (s.blocks == 1 && args.length % kBf16Step == 0 && first + kBf16Rows <= args.row_end) {
      multiply_in_place<T>(args, s, first);
      store_columns<T>(args, s.blocks, s.totals, first);
      first += kBf16Rows;
      continue;
    }
    int64_t last = first + kBf16RowBlock;
    if (last > args.row_end) last = args.row_end;
    for (int64_t chunk = 0; chunk < s.chunks; ++chunk)
      for (int64_t row = first; row < last; row += kBf16Rows) {
        fill_panel(args, row, chunk, panel);
        multiply_panel<T>(panel, s, chunk, chunk_steps(args, chunk), s.totals + (row - first) / kBf16Rows * group_totals);
      }
    for (int64_t row = first; row < last; row += kBf16Rows)
      store_columns<T>(args, s.blocks, s.totals + (row - first) / kBf16Rows * group_totals, row);
    first = last;
  }
  AmxTiles::release();
}

void matmul_bf16(const MatmulArgs& args) {
  if (args.row_begin >= args.row_end || args.columns <= 0) return;
  if (args.columns <= 16) multiply_columns<1>(args);
  else multiply_columns<2>(args);
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
