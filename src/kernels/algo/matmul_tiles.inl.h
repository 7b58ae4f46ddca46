// Several columns on a machine with tile registers: C (16 rows x 16 columns) += A (16 rows x 64 codes in file order) * B (64
// activations x 16 columns, interleaved by 4). Weights need no transposition; each call interleaves its columns once. Lanes are
// columns, and a tile costs the same however few of its 16 columns are used.
//
// Here: formats of 32 values and ternary ones; superblocks are in matmul_tiles_super.inl.h.
#pragma once
#include "kernels/algo/matmul_panel.inl.h"

namespace nibble {
namespace {

inline constexpr int kGroups = 2;  // of 16 rows, worked on together: they share what is read of the activations

// Activations as tiles want them, by chunks of 256 values of K and, within, by tiles of 16 columns; columns that do not exist are
// zero. T tiles; G scales a chunk and column; totals are float or int32.
struct TileScratch {
  int64_t tiles;
  int8_t* codes;    // (chunk, T, step of 64, k / 4, (column, 4))
  float* scales;    // (chunk, T, G, column)
  int32_t* sums;    // superblocks with minima: (chunk, T, pair of sub-blocks, column), pairs of int16
  float* block_sums;  // blocks with minima: (chunk, T, G, column)
  float* totals;    // (T, kGroups * 16 rows, column)
};

NIBBLE_INLINE TileScratch tile_scratch(const MatmulArgs& args) {
  TileScratch s;
  s.tiles = (args.columns + 15) / 16;
  const int64_t values = s.tiles * 16 * args.q.padded_length;
  s.codes = reinterpret_cast<int8_t*>(args.scratch);
  s.scales = reinterpret_cast<float*>(s.codes + values);
  s.block_sums = s.scales + values / 32;
  s.sums = reinterpret_cast<int32_t*>(s.block_sums);
  s.totals = s.block_sums + values / 32;
  return s;
}

NIBBLE_INLINE void interleave_codes(const MatmulArgs& args, const TileScratch& s) {
  int8_t* out = s.codes;
  for (int64_t k = 0; k < args.length; k += 256)
    for (int64_t tile = 0; tile < s.tiles; ++tile)
      for (int64_t step = 0; step < 256; step += 64) {
        Isa::I32 v[16];
        for (int c = 0; c < 16; ++c) {
          const int64_t column = 16 * tile + c;
          v[c] = column < args.columns ? Isa::as_ints(Isa::load_u8(args.q.codes + column * args.q.padded_length + k + step)) : Isa::set_i(0);
        }
        Isa::transpose(v);
        for (int i = 0; i < 16; ++i, out += 64) Isa::store_u8(out, Isa::as_bytes(v[i]));
      }
}

// in: (columns, stride) words of 32 bits, WORDS of each chunk; what convert() makes of 16 columns' words goes to
// (chunk, T, WORDS, column).
template <int WORDS, class Convert>
NIBBLE_INLINE void interleave_words(const MatmulArgs& args, const TileScratch& s, const void* in, int64_t stride, const Convert& convert) {
  const int64_t words = (args.length + 255) / 256 * WORDS;
  for (int64_t tile = 0; tile < s.tiles; ++tile)
    for (int64_t first = 0; first < words; first += 16) {
      Isa::I32 v[16];
      for (int c = 0; c < 16; ++c) {
        const int64_t column = 16 * tile + c;
        v[c] = column < args.columns ? Isa::load_i(static_cast<const int32_t*>(in) + column * stride + first) : Isa::set_i(0);
      }
      Isa::transpose(v);
      for (int64_t i = first; i < first + 16 && i < words; ++i) convert(v[i - first], ((i / WORDS * s.tiles + tile) * WORDS + i % WORDS) * 16);
    }
}

// The rows that are worked on together, 16 a group; lanes beyond the end repeat the last row.
struct TileRows {
  const uint8_t* at[kGroups][16];
  NextRows<kGroups * 16> ahead;
  NIBBLE_INLINE TileRows(const MatmulArgs& args, int64_t row) : ahead(args, row) {
    for (int64_t i = 0; i < kGroups * 16; ++i) at[i / 16][i % 16] = args.weights + size_t(clamp_row(args, row + i)) * args.row_bytes;
  }
  // Blocks of a group's rows, `offset` bytes from their starts.
  template <class Block, int COUNT>
  NIBBLE_INLINE void blocks(int g, size_t offset, const Block** out) const {
    for (int r = 0; r < 16; ++r) {
      out[r] = reinterpret_cast<const Block*>(at[g][r] + offset);
      ahead.fetch(16 * g + r, offset, COUNT * sizeof(Block));
    }
  }
};

NIBBLE_INLINE void clear_totals(const TileScratch& s) {
  for (int64_t i = 0; i < s.tiles * kGroups * 16; ++i) Isa::store_f(s.totals + 16 * i, Isa::set_f(0));
}

// Sixteen rows, from `row` on, of 16 columns, from `column` on: (row, column) to where the results lie.
NIBBLE_INLINE void store_tile(const MatmulArgs& args, int64_t row, int64_t column, Isa::I32* v) {
  if (row >= args.row_end) return;
  Isa::transpose(v);
  for (int c = 0; c < 16 && column + c < args.columns; ++c) store_rows(args, row, int(column) + c, Isa::bits_to_float(v[c]));
}

// finish(total, tile) gives the result of 16 columns of a row.
template <class Finish>
NIBBLE_INLINE void store_totals(const MatmulArgs& args, const TileScratch& s, int64_t row, const Finish& finish) {
  for (int64_t tile = 0; tile < s.tiles; ++tile)
    for (int g = 0; g < kGroups; ++g) {
      Isa::I32 v[16];
      for (int r = 0; r < 16; ++r) v[r] = finish(Isa::load_i(reinterpret_cast<int32_t*>(s.totals + ((tile * kGroups + g) * 16 + r) * 16)), tile);
      store_tile(args, row + 16 * g, 16 * tile, v);
    }
}

// A step of 64 (or, of configure(32), 32) values of both row groups and all planes; `a` are the groups' first planes.
template <class Tiles, bool TWO, int G>
NIBBLE_INLINE void tile_step(const uint8_t* low, const uint8_t* high) {
  constexpr int kB = Tiles::kB;
  Tiles::template load<Tiles::kA>(low);
  Tiles::template dot<!TWO, G * (TWO ? 2 : 1), Tiles::kA, kB>();
  if constexpr (TWO) {
    Tiles::template load<Tiles::kA + 1>(high);
    Tiles::template dot<true, 2 * G + 1, Tiles::kA + 1, kB>();
  }
}

// Formats of 32 values: a product of K = 32 for every block.
struct TileBlocks {
  alignas(64) uint8_t codes[kGroups][4][16][64];  // (group, pair of blocks, row, k)
  struct alignas(64) { float scales[kGroups][8][16], mins[kGroups][8][16]; } parts[2];
  alignas(64) int32_t products[2][4][kGroups][16][16];
};

template <class C>
NIBBLE_INLINE void fill_tile_blocks(const TileRows& rows, int64_t first, int count, TileBlocks& panel) {
  using Block = typename C::Block;
  static constexpr Block kNoBlock{};
  auto& parts = panel.parts[first / 8 % 2];
  for (int g = 0; g < kGroups; ++g) {
    alignas(64) uint16_t scale_bits[8][16], min_bits[8][16];
    const Block* blocks[16];
    rows.blocks<Block, 8>(g, size_t(first) * sizeof(Block), blocks);
    for (int r = 0; r < 16; ++r) {
      const Block* const b = blocks[r];
      for (int i = 0; i < count; i += 2)
        Isa::store_u8(panel.codes[g][i / 2][r], signed_codes<C>(C::codes(b + i, i + 1 < count ? b + i + 1 : &kNoBlock)));
      for (int i = 0; i < count; ++i) {
        scale_bits[i][r] = C::scale_bits(b + i);
        if constexpr (C::kHasMin) min_bits[i][r] = C::min_bits(b + i);
      }
    }
    for (int i = 0; i < count; ++i) {
      Isa::store_f(parts.scales[g][i], C::load_scales(scale_bits[i]));
      if constexpr (C::kHasMin) Isa::store_f(parts.mins[g][i], C::load_scales(min_bits[i]));
    }
  }
}

// Block 4 * half + I of the panel. Neighbours use other accumulators: a product takes long until it can be stored.
template <class Tiles, int I>
NIBBLE_INLINE void block_dots(const TileBlocks& panel, const int8_t* codes, int64_t half) {
  constexpr int kFirst = 2 * (I % 2), kB = Tiles::kB + I % 2;
  Tiles::template zero<kFirst>(), Tiles::template zero<kFirst + 1>();
  Tiles::template load<kB>(codes + 512 * I);
  Tiles::template load<Tiles::kA>(panel.codes[0][2 * half + I / 2][0] + 32 * (I % 2));
  Tiles::template dot<true, kFirst, Tiles::kA, kB>();
  Tiles::template load<Tiles::kA + 1>(panel.codes[1][2 * half + I / 2][0] + 32 * (I % 2));
  Tiles::template dot<true, kFirst + 1, Tiles::kA + 1, kB>();
}
template <class Tiles, int I>
NIBBLE_INLINE void store_block(TileBlocks& panel, int64_t half) {
  Tiles::template store<2 * (I % 2)>(panel.products[half][I][0]), Tiles::template store<2 * (I % 2) + 1>(panel.products[half][I][1]);
}

// Blocks [4 * half, 4 * half + count) of the panel.
template <class Tiles>
__attribute__((noinline)) void tile_block_products(TileBlocks& panel, const int8_t* codes, int64_t half, int count) {
  if (count > 0) block_dots<Tiles, 0>(panel, codes, half);
  if (count > 1) block_dots<Tiles, 1>(panel, codes, half);
  if (count > 0) store_block<Tiles, 0>(panel, half);
  if (count > 2) block_dots<Tiles, 2>(panel, codes, half);
  if (count > 1) store_block<Tiles, 1>(panel, half);
  if (count > 3) block_dots<Tiles, 3>(panel, codes, half);
  if (count > 2) store_block<Tiles, 2>(panel, half);
  if (count > 3) store_block<Tiles, 3>(panel, half);
}

template <class C, class Parts, class Products>
NIBBLE_INLINE void add_block_products(const Parts& parts, const Products& products, int64_t half, int count, const float* scales,
                                      const float* sums, float* totals) {
  for (int g = 0; g < kGroups; ++g)
    for (int r = 0; r < 16; ++r, totals += 16) {
      Isa::F32 t = Isa::load_f(totals);
#pragma GCC unroll 4
      for (int i = 0; i < count; ++i) {
        const Isa::F32 activation_scale = Isa::load_f(scales + 16 * i);
        const Isa::F32 scale = Isa::mul(Isa::set_f(parts.scales[g][4 * half + i][r]), activation_scale);
        t = Isa::fma(Isa::to_float(Isa::load_i(products[i][g][r])), scale, t);
        if constexpr (C::kHasMin) {
          const Isa::F32 min = Isa::mul(Isa::set_f(parts.mins[g][4 * half + i][r]), activation_scale);
          t = Isa::fma(Isa::load_f(sums + 16 * i), min, t);
        }
      }
      Isa::store_f(totals, t);
    }
}

template <class C>
void tiles_blocks(const MatmulArgs& args) {
  const TileScratch s = tile_scratch(args);
  const int64_t per_column = args.q.padded_length / 32, blocks = args.length / 32;
  if (!args.scratch_filled) {
    interleave_codes(args, s);
    interleave_words<8>(args, s, args.q.scales, per_column, [&](Isa::I32 v, int64_t at) { Isa::store_f(s.scales + at, Isa::bits_to_float(v)); });
    if constexpr (C::kHasMin)
      interleave_words<4>(args, s, args.q.sums32, per_column / 2, [&](Isa::I32 v, int64_t at) {  // pairs of int16
        Isa::store_f(s.block_sums + 2 * at, Isa::to_float(Isa::dot_pairs(Isa::set_i(0), v, Isa::set_i(1))));
        Isa::store_f(s.block_sums + 2 * at + 16, Isa::to_float(Isa::dot_pairs(Isa::set_i(0), v, Isa::set_i(1 << 16))));
      });
  }
  TileBlocks panel;
  Isa::Tiles::configure(32);
  for (int64_t row = args.row_begin; row < args.row_end; row += kGroups * 16) {
    clear_totals(s);
    const TileRows rows(args, row);
    // Units of four blocks and a tile of columns, two a chunk of 256 values; the last may be short or empty.
    const int64_t units = (blocks + 7) / 8 * s.tiles * 2;
    const auto count_of = [&](int64_t unit) {
      const int64_t left = blocks - unit / 2 / s.tiles * 8 - unit % 2 * 4;
      return int(left < 0 ? 0 : left < 4 ? left : 4);
    };
    const auto add = [&](int64_t unit) {
      const int64_t half = unit % 2, at = unit / 2;
      const auto body = [&](int count) {
        add_block_products<C>(panel.parts[at / s.tiles % 2], panel.products[half], half, count, s.scales + at * 128 + half * 64,
                              s.block_sums + at * 128 + half * 64, s.totals + at % s.tiles * kGroups * 256);
      };
      if (const int count = count_of(unit); count == 4) body(4);
      else body(count);
    };
    for (int64_t unit = 0; unit < units; ++unit) {
      const int64_t first = unit / 2 / s.tiles * 8;
      if (unit % (2 * s.tiles) == 0) fill_tile_blocks<C>(rows, first, int(blocks - first < 8 ? blocks - first : 8), panel);
      tile_block_products<Isa::Tiles>(panel, s.codes + unit * 2048, unit % 2, count_of(unit));
      if (unit > 0) add(unit - 1);
    }
    add(units - 1);
    store_totals(args, s, row, [](Isa::I32 total, int64_t) { return total; });
  }
  Isa::Tiles::release();
}

// Ternary: the accumulators are the integer totals of whole rows. Up to two blocks of 128 at a time.
template <class C>
void tiles_ternary(const MatmulArgs& args) {
  using Block = typename C::Block;
  using Tiles = typename Isa::Tiles;
  const TileScratch s = tile_scratch(args);
  const int64_t blocks = args.length / 128, per_column = args.q.padded_length / 32;
  if (!args.scratch_filled) {  // by another tensor, perhaps: nothing of its own is kept
    interleave_codes(args, s);
    for (int64_t c = 0; c < 16 * s.tiles; ++c) s.scales[c] = c < args.columns ? args.q.scales[c * per_column] : 0;
  }
  alignas(64) uint8_t codes[kGroups][4][16][64];
  Tiles::configure(64);
  for (int64_t row = args.row_begin; row < args.row_end; row += kGroups * 16) {
    clear_totals(s);  // zero of either kind
    const TileRows rows(args, row);
    for (int64_t first = 0; first < blocks; first += 2) {
      const int count = int(blocks - first < 2 ? blocks - first : 2);
      for (int g = 0; g < kGroups; ++g) {
        const Block* at[16];
        rows.blocks<Block, 2>(g, size_t(first) * sizeof(Block), at);
        for (int r = 0; r < 16; ++r)
          for (int i = 0; i < count; ++i) {
            Isa::store_u8(codes[g][2 * i][r], signed_codes<C>(C::template codes<0>(at[r] + i)));
            Isa::store_u8(codes[g][2 * i + 1][r], signed_codes<C>(C::template codes<1>(at[r] + i)));
          }
      }
      for (int64_t tile = 0; tile < s.tiles; ++tile) {
        float* const totals = s.totals + tile * kGroups * 256;
        Tiles::template load<0>(totals), Tiles::template load<1>(totals + 256);
        for (int step = 0; step < 2 * count; ++step) {
          Tiles::template load<Tiles::kB>(s.codes + (first / 2 * s.tiles + tile) * 4096 + 1024 * step);
          tile_step<Tiles, false, 0>(codes[0][step][0], nullptr);
          tile_step<Tiles, false, 1>(codes[1][step][0], nullptr);
        }
        Tiles::template store<0>(totals), Tiles::template store<1>(totals + 256);
      }
    }
    store_totals(args, s, row, [&](Isa::I32 total, int64_t tile) {
      alignas(64) float lanes[16];
      const Isa::F32 scale = Isa::mul(Isa::load_f(s.scales + 16 * tile), Isa::set_f(args.tensor_scale));
      Isa::store_f(lanes, Isa::mul(Isa::to_float(total), scale));
      return Isa::load_i(reinterpret_cast<const int32_t*>(lanes));
    });
  }
  Tiles::release();
}

}  // namespace
}  // namespace nibble
