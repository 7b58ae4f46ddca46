// Superblock formats times at most 32 columns with tiles. So few columns leave unpacking the largest part. A unit, 256 values of K of
// some rows, is unpacked; then its products are started one by one between the additions of the unit before it to the totals, so
// that the tile unit and the vector units work side by side. Two accumulators of each plane, as each product waits for the one
// before: 32 rows times one tile of columns, or 16 rows times two.
#pragma once
#include "kernels/algo/matmul_tiles_super.inl.h"

namespace nibble {
namespace {

// T tiles of columns, G groups of 16 rows; part p is a tile or a group, whichever there are two of.
template <class C, int T>
struct TilePipeline {
  static constexpr int G = 2 / T, kPlanes = Planes<C>::kTwo ? 2 : 1;
  using Products = int32_t[2][kPlanes][16][16];  // (part, plane, row, column)
  using Totals = float[2][16][16];
  using Parts = TileParts<C::kSubs>[G];
  struct Rows {
    const typename C::Block* blocks[G][16];
    typename Planes<C>::Scales scales[G];
  };
  // A load waits for an earlier store to an address that is equal in its lowest 12 bits: so aligned, a row's product never has those of an
  // earlier row's total.
  alignas(4096) Products products[2];
  alignas(4096) Totals totals;
  alignas(64) uint8_t codes[G][kPlanes][4][16][64];  // (group, plane, step, row, k)
  Parts parts[3];
  Rows rows[2];
};

// A step of 64 values of one plane; PLANE 0 also loads the columns.
template <class C, int T, int PLANE>
NIBBLE_INLINE void few_step(const uint8_t* codes, const int8_t* columns) {
  using Tiles = typename Isa::Tiles;
  constexpr int kA = Tiles::kA, kB = Tiles::kB, kPlanes = Planes<C>::kTwo ? 2 : 1;
  constexpr bool kSigned = kPlanes == 1 || PLANE == 1;
  if constexpr (PLANE == 0) Tiles::template load<kB>(columns);
  if constexpr (PLANE == 0 && T == 2) Tiles::template load<kB + 1>(columns + 4096);
  Tiles::template load<kA>(codes + 4096 * PLANE);
  Tiles::template dot<kSigned, PLANE, kA, kB>();
  if constexpr (T == 1) Tiles::template load<kA + 1>(codes + 4096 * (kPlanes + PLANE));
  Tiles::template dot<kSigned, 2 + PLANE, T == 1 ? kA + 1 : kA, T == 1 ? kB : kB + 1>();
}

// Functions of their own, not inlined: together their addresses do not fit the registers.
template <class C, int T>
__attribute__((noinline)) void few_prepare(const MatmulArgs& args, int64_t row, int64_t superblock, typename TilePipeline<C, T>::Rows& rows,
                                           typename TilePipeline<C, T>::Parts& parts) {
  for (int g = 0; g < 2 / T; ++g) {
    for (int r = 0; r < 16; ++r)
      rows.blocks[g][r] = reinterpret_cast<const typename C::Block*>(args.weights + size_t(clamp_row(args, row + 16 * g + r)) * args.row_bytes) + superblock;
    Planes<C>::prepare(rows.blocks[g], rows.scales[g], parts[g]);
  }
}

template <class C, int T>
__attribute__((noinline)) void few_fill(const typename TilePipeline<C, T>::Rows& rows, TilePipeline<C, T>& p, NextRows<32 / T> ahead, size_t offset) {
  for (int g = 0; g < 2 / T; ++g)
    for (int r = 0; r < 16; r += 4) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        Planes<C>::row(rows.blocks[g][r + i], rows.scales[g], r + i, p.codes[g][0], p.codes[g][TilePipeline<C, T>::kPlanes - 1]);
        ahead.fetch(16 * g + r + i, offset, sizeof(typename C::Block));
      }
    }
}

// Starts the products of one unit between the additions of another's.
template <class C, int T>
__attribute__((noinline)) void few_dot_and_add(const uint8_t* codes, const int8_t* columns, const typename TilePipeline<C, T>::Parts& parts,
                                               const typename TilePipeline<C, T>::Products& products, const float* scales,
                                               const int32_t* sums, typename TilePipeline<C, T>::Totals& totals) {
  const auto add_rows = [&](int r) {
    for (int part = 0; part < 2; ++part) {
      const int tile = T == 2 ? part : 0;
      for (int i = 0; i < 2; ++i)
        add_row_products<C>(parts[part - tile], products[part], r + i, scales + 16 * tile, sums + 8 * C::kSubs * tile, totals[part][r + i]);
    }
  };
  for (int r = 0; r < 16; r += 4, codes += 1024, columns += 1024) {
    few_step<C, T, 0>(codes, columns);
    add_rows(r);
    if constexpr (Planes<C>::kTwo) few_step<C, T, 1>(codes, columns);
    add_rows(r + 2);
  }
}

template <class C, int T>
void tiles_few(const MatmulArgs& args) {
  using Tiles = typename Isa::Tiles;
  constexpr bool kTwo = Planes<C>::kTwo;
  constexpr int kLast = kTwo ? 1 : 0, kRows = 32 / T;
  const TileScratch s = tile_scratch(args);
  fill_tile_scratch<C>(args, s);
  TilePipeline<C, T> p;
  const int64_t superblocks = args.length / 256, units = (args.row_end - args.row_begin + kRows - 1) / kRows * superblocks;
  struct Stage { int64_t superblock, row; } prepare{0, args.row_begin}, fill = prepare, dot = prepare, add = prepare;
  const auto advance = [&](Stage& stage) {
    if (++stage.superblock == superblocks) stage.superblock = 0, stage.row += kRows;
  };
  Tiles::configure(64);
  // What is beyond the ends is computed and not used.
  for (int64_t unit = -1; unit <= units; ++unit) {
    if (unit >= 0) {
      few_fill<C, T>(p.rows[unit % 2], p, NextRows<kRows>(args, fill.row), size_t(fill.superblock) * sizeof(typename C::Block));
      advance(fill);
    }
    few_prepare<C, T>(args, prepare.row, prepare.superblock, p.rows[(unit + 1) % 2], p.parts[(unit + 1) % 3]);
    advance(prepare);
    if (unit < 0) continue;
    if (add.superblock == 0)
      for (auto& part : p.totals) for (auto& row : part) Isa::store_f(row, Isa::set_f(0));
    Tiles::template zero<0>(), Tiles::template zero<2>();
    if constexpr (kTwo) Tiles::template zero<1>(), Tiles::template zero<3>();
    const int64_t at = add.superblock * T;
    few_dot_and_add<C, T>(p.codes[0][0][0][0], s.codes + dot.superblock * T * 4096, p.parts[(unit + 2) % 3], p.products[(unit + 1) % 2],
                          s.scales + at * 16, s.sums + at * 8 * C::kSubs, p.totals);
    auto& products = p.products[unit % 2];
    Tiles::template store<0>(products[0][0]), Tiles::template store<2>(products[1][0]);
    if constexpr (kTwo) Tiles::template store<1>(products[0][kLast]), Tiles::template store<3>(products[1][kLast]);
    advance(dot);
    if (unit == 0) {
      add = {0, args.row_begin};
      continue;
    }
    if (add.superblock + 1 == superblocks)
      for (int part = 0; part < 2; ++part) {
        const int64_t row = add.row + (T == 1 ? 16 * part : 0), column = T == 1 ? 0 : 16 * part;
        Isa::I32 v[16];
        for (int r = 0; r < 16; ++r) v[r] = Isa::load_i(reinterpret_cast<const int32_t*>(p.totals[part][r]));
        store_tile(args, row, column, v);
      }
    advance(add);
  }
  Tiles::release();
}

}  // namespace
}  // namespace nibble
