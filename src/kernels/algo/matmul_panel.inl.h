// Many columns: a panel of rows is unpacked, 256 values of K at a time, to codes interleaved by 4 bytes of K, so that every
// 32-bit lane is a row; all columns are multiplied with it while it is in L1. Activations are broadcast from memory.
#pragma once
#include "kernels/algo/matmul_rows.inl.h"
#include "kernels/algo/panel_codes.inl.h"

namespace nibble {
namespace {

inline constexpr int kPanels = Isa::kTilePanels;
inline constexpr int kPanelRows = kPanels * kRowGroup;

// 256 values of K of kPanelRows rows.
struct Panel {
  alignas(64) uint8_t codes[kPanels][64][64];        // (panel, k / 4, (row, 4))
  alignas(64) int32_t sub_scales[kPanels][16][16];   // (panel, sub-block, row)
  alignas(64) int16_t sub_mins[kPanels][8][32];      // (panel, pair of sub-blocks, (row, 2))
  alignas(64) float scales[kPanels][8][16];          // (panel, block, row); superblocks use block 0
  alignas(64) float mins[kPanels][8][16];
};

// What the columns of a call share: corrections (columns, P / group) and running sums (columns, kPanelRows).
struct PanelScratch {
  int32_t* corrections;
  float* sums;
};

NIBBLE_INLINE PanelScratch panel_scratch(const MatmulArgs& args) {
  int32_t* corrections = reinterpret_cast<int32_t*>(args.scratch);
  return {corrections, reinterpret_cast<float*>(corrections + args.columns * (args.q.padded_length / 16))};
}

// -zero * (sum of GROUP codes), for every group of every column.
template <int GROUP>
NIBBLE_INLINE void fill_corrections(const MatmulArgs& args, int zero, int32_t* out) {
  constexpr int kUnit = GROUP == 16 ? 16 : 32;
  const int16_t* sums = GROUP == 16 ? args.q.sums16 : args.q.sums32;
  for (int64_t i = 0; i < args.columns * args.q.padded_length / GROUP; ++i) {
    int sum = 0;
    for (int j = 0; j < GROUP / kUnit; ++j) sum += *sums++;
    out[i] = -zero * sum;
  }
}

template <bool SIGNED>
NIBBLE_INLINE Isa::I32 dot_panel(Isa::I32 acc, Isa::U8 w, Isa::U8 a) {
  if constexpr (SIGNED) return Isa::dot_s8(acc, w, a);
  return Isa::dot_u7(acc, w, a);
}

// An ISA may multiply a tile by other means than its dot: the integers are the same.
template <class V>
concept HasTileMatmul = requires(const uint8_t (*codes)[64], const int8_t* a, typename V::I32* x) {
  V::template tile_matmul<2, 4>(codes, a, int64_t{}, x);
};

template <class V, int NC, int STEPS>
NIBBLE_INLINE void tile_matmul(const Panel& panel, int k0, const int8_t* a, int64_t column_stride, typename V::I32 (*x)[NC]) {
  for (int p = 0; p < kPanels; ++p) V::template tile_matmul<NC, STEPS>(panel.codes[p] + k0, a + 4 * k0, column_stride, x[p]);
}

// x[panel][column] += dot of k-steps [k0, k0 + STEPS) with the columns' codes at a[column].
template <bool SIGNED, int NC, int STEPS>
NIBBLE_INLINE void tile_dot(const Panel& panel, int k0, const int8_t* a, int64_t column_stride, Isa::I32 (*x)[NC]) {
  if constexpr (HasTileMatmul<Isa>) {
    tile_matmul<Isa, NC, STEPS>(panel, k0, a, column_stride, x);
    return;
  }
#pragma GCC unroll 8
  for (int k = 0; k < STEPS; ++k) {
    Isa::U8 w[kPanels];
    for (int p = 0; p < kPanels; ++p) w[p] = Isa::load_u8(panel.codes[p][k0 + k]);
#pragma GCC unroll 8
    for (int c = 0; c < NC; ++c) {
      const Isa::U8 v = Isa::broadcast4(a + c * column_stride + 4 * (k0 + k));
#pragma GCC unroll 2
      for (int p = 0; p < kPanels; ++p) x[p][c] = dot_panel<SIGNED>(x[p][c], w[p], v);
    }
  }
}

template <class C>
void unpack_superblock(const typename C::Block* const* rows, Panel& panel, int p) {
  PanelCodes<C>::unpack(rows, panel.codes[p]);
  if constexpr (C::kSubs > 1) PanelScales<C>::unpack(rows, panel.sub_scales[p], panel.sub_mins[p]);
  alignas(64) uint16_t scale_bits[16], min_bits[16];
  for (int r = 0; r < kRowGroup; ++r) {
    scale_bits[r] = C::scale_bits(rows[r]);
    if constexpr (C::kHasMin) min_bits[r] = C::min_bits(rows[r]);
  }
  Isa::store_f(panel.scales[p][0], C::load_scales(scale_bits));
  if constexpr (C::kHasMin) Isa::store_f(panel.mins[p][0], C::load_scales(min_bits));
}

// One superblock of a panel times NC columns, added to the running sums.
template <class C, int NC>
NIBBLE_INLINE void tile_superblock(const Panel& panel, const MatmulArgs& args, const PanelScratch& scratch, int column, int64_t superblock) {
  constexpr int kSubs = C::kSubs, kStepsPerSub = 64 / kSubs;
  const int64_t padded = args.q.padded_length;
  const int8_t* codes = args.q.codes + column * padded + superblock * 256;
  const int32_t* corrections = scratch.corrections + column * (padded * kSubs / 256) + superblock * kSubs;
  Isa::I32 sum[kPanels][NC];
  for (int p = 0; p < kPanels; ++p) for (int c = 0; c < NC; ++c) sum[p][c] = Isa::set_i(0);
  for (int s = 0; s < kSubs; ++s) {
    Isa::I32 x[kPanels][NC];
    for (int c = 0; c < NC; ++c) {
      const Isa::I32 start = zero_point<C>() ? Isa::broadcast_i(corrections + c * (padded * kSubs / 256) + s) : Isa::set_i(0);
      for (int p = 0; p < kPanels; ++p) x[p][c] = start;
    }
    if constexpr (kStepsPerSub <= 8) {
      tile_dot<C::kSigned, NC, kStepsPerSub>(panel, s * kStepsPerSub, codes, padded, x);
    } else {
      for (int k = 0; k < kStepsPerSub; k += 8) tile_dot<C::kSigned, NC, 8>(panel, s * kStepsPerSub + k, codes, padded, x);
    }
    for (int p = 0; p < kPanels; ++p) {
      if constexpr (kSubs > 1) {
        const Isa::I32 scale = Isa::load_i(panel.sub_scales[p][s]);
        for (int c = 0; c < NC; ++c) sum[p][c] = Isa::add(sum[p][c], Isa::mul(x[p][c], scale));
      } else {
        for (int c = 0; c < NC; ++c) sum[p][c] = x[p][c];
      }
    }
  }
  Isa::I32 min_sum[kPanels][NC];
  if constexpr (C::kHasMin) {
    const int16_t* sums = (kSubs == 8 ? args.q.sums32 : args.q.sums16) + column * (padded * kSubs / 256) + superblock * kSubs;
    for (int p = 0; p < kPanels; ++p) for (int c = 0; c < NC; ++c) min_sum[p][c] = Isa::set_i(0);
    for (int s = 0; s < kSubs / 2; ++s)
      for (int c = 0; c < NC; ++c) {
        const Isa::I32 pair = Isa::as_ints(Isa::broadcast4(sums + c * (padded * kSubs / 256) + 2 * s));
        for (int p = 0; p < kPanels; ++p)
          min_sum[p][c] = Isa::dot_pairs(min_sum[p][c], Isa::load_i(reinterpret_cast<const int32_t*>(panel.sub_mins[p][s])), pair);
      }
  }
  for (int p = 0; p < kPanels; ++p) {
    const Isa::F32 scale = Isa::load_f(panel.scales[p][0]);
    for (int c = 0; c < NC; ++c) {
      const Isa::F32 activation_scale = Isa::set_f(args.q.scales[(column + c) * (padded / 32) + superblock]);
      float* total = scratch.sums + (column + c) * kPanelRows + p * kRowGroup;
      Isa::F32 t = Isa::fma(Isa::to_float(sum[p][c]), Isa::mul(scale, activation_scale), Isa::load_f(total));
      if constexpr (C::kHasMin) {
        const Isa::F32 min = Isa::mul(Isa::load_f(panel.mins[p][0]), activation_scale);
        t = Isa::fma(Isa::to_float(min_sum[p][c]), Isa::sub(Isa::set_f(0), min), t);
      }
      Isa::store_f(total, t);
    }
  }
}

NIBBLE_INLINE void clear_sums(const MatmulArgs& args, const PanelScratch& scratch) {
  for (int64_t i = 0; i < int64_t(args.columns) * kPanelRows; i += 16) Isa::store_f(scratch.sums + i, Isa::set_f(0));
}

NIBBLE_INLINE void store_sums(const MatmulArgs& args, const PanelScratch& scratch, int64_t row) {
  for (int c = 0; c < args.columns; ++c)
    for (int p = 0; p < kPanels; ++p)
      if (row + p * kRowGroup < args.row_end)
        store_rows(args, row + p * kRowGroup, c, Isa::load_f(scratch.sums + c * kPanelRows + p * kRowGroup));
}

// Fetches the next ROWS rows while ROWS are read: as four streams that go on without gaps, which the machine's own prefetching follows. What
// a program asks for itself occupies the few buffers between the first two caches for the whole way.
template <int ROWS>
struct NextRows {
  const uint8_t* rows;
  size_t row_bytes;
  NIBBLE_INLINE NextRows(const MatmulArgs& args, int64_t row)
      : rows(args.weights + size_t(row + ROWS) * args.row_bytes), row_bytes(args.row_bytes) {}
  // While `bytes` bytes at `offset` of row r of these are read.
  NIBBLE_INLINE void fetch(int r, size_t offset, size_t bytes) const {
    constexpr int kStreamRows = ROWS / 4;
    prefetch<2>(rows + size_t(r % 4 * kStreamRows) * row_bytes + offset * kStreamRows + size_t(r / 4) * bytes, bytes);
  }
};

template <class C>
void panel_superblocks(const MatmulArgs& args) {
  using Block = typename C::Block;
  const PanelScratch scratch = panel_scratch(args);
  if (zero_point<C>() != 0 && !args.scratch_filled) fill_corrections<256 / C::kSubs>(args, zero_point<C>(), scratch.corrections);
  Panel panel;
  for (int64_t row = args.row_begin; row < args.row_end; row += kPanelRows) {
    clear_sums(args, scratch);
    const NextRows<kPanelRows> ahead(args, row);
    for (int64_t superblock = 0; superblock < args.length / 256; ++superblock) {
      for (int p = 0; p < kPanels; ++p) {
        const Block* rows[kRowGroup];
        for (int r = 0; r < kRowGroup; ++r) {
          const int64_t clamped = clamp_row(args, row + p * kRowGroup + r);
          rows[r] = reinterpret_cast<const Block*>(args.weights + size_t(clamped) * args.row_bytes) + superblock;
          ahead.fetch(p * kRowGroup + r, size_t(superblock) * sizeof(Block), sizeof(Block));
        }
        unpack_superblock<C>(rows, panel, p);
      }
      for_column_tiles<Isa::kTileColumns>(args.columns, [&]<int NC>(int column) { tile_superblock<C, NC>(panel, args, scratch, column, superblock); });
    }
    store_sums(args, scratch, row);
  }
}

// Formats of 32 values: up to eight blocks of a panel times NC columns.
template <class C, int NC>
NIBBLE_INLINE void tile_blocks(const Panel& panel, const MatmulArgs& args, const PanelScratch& scratch, int column, int64_t first, int count) {
  const int64_t padded = args.q.padded_length, per_column = padded / 32;
  const int8_t* codes = args.q.codes + column * padded + first * 32;
  Isa::F32 total[kPanels][NC];
  for (int p = 0; p < kPanels; ++p)
    for (int c = 0; c < NC; ++c) total[p][c] = Isa::load_f(scratch.sums + (column + c) * kPanelRows + p * kRowGroup);
  for (int i = 0; i < count; ++i) {
    Isa::I32 x[kPanels][NC];
    for (int c = 0; c < NC; ++c) {
      const int64_t at = (column + c) * per_column + first + i;
      const Isa::I32 start = zero_point<C>() ? Isa::broadcast_i(scratch.corrections + at) : Isa::set_i(0);
      for (int p = 0; p < kPanels; ++p) x[p][c] = start;
    }
    tile_dot<C::kSigned, NC, 8>(panel, i * 8, codes, padded, x);
    for (int c = 0; c < NC; ++c) {
      const int64_t at = (column + c) * per_column + first + i;
      const Isa::F32 activation_scale = Isa::set_f(args.q.scales[at]);
      for (int p = 0; p < kPanels; ++p) {
        const Isa::F32 scale = Isa::mul(Isa::load_f(panel.scales[p][i]), activation_scale);
        total[p][c] = Isa::fma(Isa::to_float(x[p][c]), scale, total[p][c]);
        if constexpr (C::kHasMin) {
          const Isa::F32 min = Isa::mul(Isa::load_f(panel.mins[p][i]), activation_scale);
          total[p][c] = Isa::fma(Isa::set_f(float(args.q.sums32[at])), min, total[p][c]);
        }
      }
    }
  }
  for (int p = 0; p < kPanels; ++p)
    for (int c = 0; c < NC; ++c) Isa::store_f(scratch.sums + (column + c) * kPanelRows + p * kRowGroup, total[p][c]);
}

template <class C>
void unpack_blocks(const typename C::Block* const* rows, int count, Panel& panel, int p) {
  unpack_block_codes<C>(rows, count, panel.codes[p]);
  for (int i = 0; i < count; ++i) {
    alignas(64) uint16_t scale_bits[16], min_bits[16];
    for (int r = 0; r < kRowGroup; ++r) {
      scale_bits[r] = C::scale_bits(rows[r] + i);
      if constexpr (C::kHasMin) min_bits[r] = C::min_bits(rows[r] + i);
    }
    Isa::store_f(panel.scales[p][i], C::load_scales(scale_bits));
    if constexpr (C::kHasMin) Isa::store_f(panel.mins[p][i], C::load_scales(min_bits));
  }
}

template <class C>
void panel_blocks(const MatmulArgs& args) {
  using Block = typename C::Block;
  const PanelScratch scratch = panel_scratch(args);
  const int64_t blocks = args.length / 32;
  if (zero_point<C>() != 0 && !args.scratch_filled) fill_corrections<32>(args, zero_point<C>(), scratch.corrections);
  Panel panel;
  for (int64_t row = args.row_begin; row < args.row_end; row += kPanelRows) {
    clear_sums(args, scratch);
    const NextRows<kPanelRows> ahead(args, row);
    for (int64_t first = 0; first < blocks; first += 8) {
      const int count = int(blocks - first < 8 ? blocks - first : 8);
      for (int p = 0; p < kPanels; ++p) {
        const Block* rows[kRowGroup];
        for (int r = 0; r < kRowGroup; ++r) {
          const int64_t clamped = clamp_row(args, row + p * kRowGroup + r);
          rows[r] = reinterpret_cast<const Block*>(args.weights + size_t(clamped) * args.row_bytes) + first;
          ahead.fetch(p * kRowGroup + r, size_t(first) * sizeof(Block), 8 * sizeof(Block));
        }
        unpack_blocks<C>(rows, count, panel, p);
      }
      for_column_tiles<Isa::kTileColumns>(args.columns, [&]<int NC>(int column) { tile_blocks<C, NC>(panel, args, scratch, column, first, count); });
    }
    store_sums(args, scratch, row);
  }
}

// Ternary: the running sums are integers over the whole row. `steps` of 4 values, 32 a block of 128.
template <int NC>
NIBBLE_INLINE void tile_ternary(const Panel& panel, const MatmulArgs& args, const PanelScratch& scratch, int column, int64_t k, int blocks) {
  const int64_t padded = args.q.padded_length;
  int32_t* sums = reinterpret_cast<int32_t*>(scratch.sums);
  Isa::I32 x[kPanels][NC];
  for (int p = 0; p < kPanels; ++p)
    for (int c = 0; c < NC; ++c) x[p][c] = Isa::load_i(sums + (column + c) * kPanelRows + p * kRowGroup);
  for (int i = 0; i < 4 * blocks; ++i) tile_dot<false, NC, 8>(panel, 8 * i, args.q.codes + column * padded + k, padded, x);
  for (int p = 0; p < kPanels; ++p)
    for (int c = 0; c < NC; ++c) Isa::store_i(sums + (column + c) * kPanelRows + p * kRowGroup, x[p][c]);
}

template <class C>
void panel_ternary(const MatmulArgs& args) {
  using Block = typename C::Block;
  const PanelScratch scratch = panel_scratch(args);
  const int64_t blocks = args.length / 128, per_column = args.q.padded_length / 32;
  Panel panel;
  for (int64_t row = args.row_begin; row < args.row_end; row += kPanelRows) {
    clear_sums(args, scratch);
    for (int64_t first = 0; first < blocks; first += 2) {
      const int count = int(blocks - first < 2 ? blocks - first : 2);
      for (int p = 0; p < kPanels; ++p) {
        for (int step = 0; step < 2 * count; ++step) {
          Isa::I32 v[kRowGroup];
          for (int r = 0; r < kRowGroup; ++r) {
            const int64_t clamped = clamp_row(args, row + p * kRowGroup + r);
            const Block* b = reinterpret_cast<const Block*>(args.weights + size_t(clamped) * args.row_bytes) + first + step / 2;
            __builtin_prefetch(b + 4, 0, 2);
            v[r] = Isa::as_ints(step % 2 ? C::template codes<1>(b) : C::template codes<0>(b));
          }
          Isa::transpose(v);
          for (int k = 0; k < 16; ++k) Isa::store_u8(panel.codes[p][16 * step + k], Isa::as_bytes(v[k]));
        }
      }
      for_column_tiles<Isa::kTileColumns>(args.columns, [&]<int NC>(int column) { tile_ternary<NC>(panel, args, scratch, column, first * 128, count); });
    }
    for (int c = 0; c < args.columns; ++c) {
      int32_t correction = 0;
      for (int64_t i = 0; i < args.length / 32; ++i) correction -= C::kZero * args.q.sums32[c * per_column + i];
      const Isa::F32 scale = Isa::set_f(args.q.scales[c * per_column] * args.tensor_scale);
      for (int p = 0; p < kPanels; ++p) {
        float* sums = scratch.sums + c * kPanelRows + p * kRowGroup;
        const Isa::I32 sum = Isa::add(Isa::load_i(reinterpret_cast<int32_t*>(sums)), Isa::set_i(correction));
        Isa::store_f(sums, Isa::mul(Isa::to_float(sum), scale));
      }
    }
    store_sums(args, scratch, row);
  }
}

}  // namespace
}  // namespace nibble
