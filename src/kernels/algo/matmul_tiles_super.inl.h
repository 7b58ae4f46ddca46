// Superblock formats with tiles, many columns; at most 32 go through matmul_tiles_few.inl.h. The sub-scale is folded into the codes, so that
// one chain of products runs over all 256 values. A product needs up to 13 bits and is kept as two planes of bytes,
// product = low + 256 * high, each with its own accumulator (planes.inl.h).
#pragma once
#include "kernels/algo/matmul_tiles.inl.h"
#include "kernels/algo/planes.inl.h"

namespace nibble {
namespace {

// 256 values of K of the rows. The products of one tile are added to the totals after those of the next were started (the tile unit
// and the vector units then work side by side), so there are two of each.
template <int PLANES, int SUBS>
struct TilePanel {
  alignas(64) uint8_t codes[kGroups][PLANES][4][16][64];  // (group, plane, step, row, k)
  TileParts<SUBS> parts[2][kGroups];
  alignas(64) int32_t products[2][kGroups][PLANES][16][16];
};

template <class C, class Panel>
NIBBLE_INLINE void fill_tile_panel(const TileRows& rows, int64_t superblock, Panel& panel) {
  auto& parts = panel.parts[superblock % 2];
  using Block = typename C::Block;
  for (int g = 0; g < kGroups; ++g) {
    const Block* blocks[16];
    rows.blocks<Block, 1>(g, size_t(superblock) * sizeof(Block), blocks);
    typename Planes<C>::Scales scales;
    Planes<C>::prepare(blocks, scales, parts[g]);
    for (int r = 0; r < 16; ++r) Planes<C>::row(blocks[r], scales, r, panel.codes[g][0], panel.codes[g][Planes<C>::kTwo ? 1 : 0]);
  }
}

template <class C, class Panel>
NIBBLE_INLINE void tile_products(Panel& panel, const int8_t* codes, int64_t slot) {
  using Tiles = typename Isa::Tiles;
  constexpr bool kTwo = Planes<C>::kTwo;
  constexpr int kLast = kTwo ? 1 : 0;
  Tiles::template zero<0>(), Tiles::template zero<1>();
  if constexpr (kTwo) Tiles::template zero<2>(), Tiles::template zero<3>();
  for (int step = 0; step < 4; ++step) {
    Tiles::template load<Tiles::kB>(codes + 1024 * step);
    tile_step<Tiles, kTwo, 0>(panel.codes[0][0][step][0], panel.codes[0][kLast][step][0]);
    tile_step<Tiles, kTwo, 1>(panel.codes[1][0][step][0], panel.codes[1][kLast][step][0]);
  }
  auto& products = panel.products[slot];
  Tiles::template store<0>(products[0][0]);
  Tiles::template store<1>(kTwo ? products[0][kLast] : products[1][0]);
  if constexpr (kTwo) Tiles::template store<2>(products[1][0]), Tiles::template store<3>(products[1][kLast]);
}

// What is fetched into the nearest cache meanwhile: the activations and the totals of a later tile.
struct TileAhead {
  const int8_t* codes;
  const float* totals;
  NIBBLE_INLINE void fetch(int row) const {
    __builtin_prefetch(codes + 128 * row), __builtin_prefetch(codes + 128 * row + 64);
    __builtin_prefetch(totals + 16 * row);
  }
};

// The float chain of one superblock, row r and 16 columns.
template <class C, class Parts, class Products>
NIBBLE_INLINE void add_row_products(const Parts& parts, const Products& products, int r, const float* scales, const int32_t* sums, float* totals) {
  const Isa::F32 activation_scale = Isa::load_f(scales);
  Isa::I32 sum = Isa::load_i(products[0][r]);
  if constexpr (Planes<C>::kTwo) sum = Isa::add(sum, Isa::shift_left<8>(Isa::load_i(products[Planes<C>::kTwo ? 1 : 0][r])));
  const Isa::F32 scale = Isa::mul(Isa::set_f(parts.scales[r]), activation_scale);
  Isa::F32 t = Isa::fma(Isa::to_float(sum), scale, Isa::load_f(totals));
  if constexpr (C::kHasMin) {
    Isa::I32 min_sum = Isa::set_i(0);
#pragma GCC unroll 8
    for (int i = 0; i < C::kSubs / 2; ++i)
      min_sum = Isa::dot_pairs(min_sum, Isa::load_i(sums + 16 * i), Isa::as_ints(Isa::broadcast4(&parts.sub_mins[i][2 * r])));
    const Isa::F32 min = Isa::mul(Isa::set_f(parts.mins[r]), activation_scale);
    t = Isa::fma(Isa::to_float(min_sum), Isa::sub(Isa::set_f(0), min), t);
  }
  Isa::store_f(totals, t);
}

// All rows of a panel.
template <class C, class Parts, class Products>
NIBBLE_INLINE void add_products(const Parts& parts, const Products& products, const float* scales, const int32_t* sums, float* totals,
                                TileAhead ahead) {
  for (int g = 0; g < kGroups; ++g)
#pragma GCC unroll 4
    for (int r = 0; r < 16; ++r, totals += 16) {
      ahead.fetch(16 * g + r);
      add_row_products<C>(parts[g], products[g], r, scales, sums, totals);
    }
}

template <class C>
NIBBLE_INLINE void fill_tile_scratch(const MatmulArgs& args, const TileScratch& s) {
  if (args.scratch_filled) return;
  constexpr int kSubs = C::kSubs;
  const int64_t padded = args.q.padded_length;
  interleave_codes(args, s);
  interleave_words<1>(args, s, args.q.scales, padded / 32, [&](Isa::I32 v, int64_t at) { Isa::store_f(s.scales + at, Isa::bits_to_float(v)); });
  if constexpr (C::kHasMin)
    interleave_words<kSubs / 2>(args, s, kSubs == 8 ? args.q.sums32 : args.q.sums16, padded * kSubs / 512,
                                [&](Isa::I32 v, int64_t at) { Isa::store_i(s.sums + at, v); });
}

template <class C>
void tiles_superblocks(const MatmulArgs& args) {
  constexpr int kSubs = C::kSubs;
  const TileScratch s = tile_scratch(args);
  fill_tile_scratch<C>(args, s);
  TilePanel<Planes<C>::kTwo ? 2 : 1, kSubs> panel;
  Isa::Tiles::configure(64);
  for (int64_t row = args.row_begin; row < args.row_end; row += kGroups * 16) {
    clear_totals(s);
    const TileRows rows(args, row);
    const int64_t units = args.length / 256 * s.tiles;
    const auto add = [&](int64_t unit) {
      const int64_t after = unit + 2 < units ? unit + 2 : unit;
      add_products<C>(panel.parts[unit / s.tiles % 2], panel.products[unit % 2], s.scales + unit * 16, s.sums + unit * 8 * kSubs,
                      s.totals + unit % s.tiles * kGroups * 256, {s.codes + after * 4096, s.totals + after % s.tiles * kGroups * 256});
    };
    for (int64_t unit = 0; unit < units; ++unit) {
      if (unit % s.tiles == 0) fill_tile_panel<C>(rows, unit / s.tiles, panel);
      tile_products<C>(panel, s.codes + unit * 4096, unit % 2);
      if (unit > 0) add(unit - 1);
    }
    add(units - 1);
    store_totals(args, s, row, [](Isa::I32 total, int64_t) { return total; });
  }
  Isa::Tiles::release();
}

}  // namespace
}  // namespace nibble
