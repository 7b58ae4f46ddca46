// The KV cache in f16 as attention reads it. A score is one fma chain over head_dim (K is transposed: lanes are positions), a value one
// fma chain over positions. A page that several tiles of query rows read is widened to floats once, into a buffer that stays in L1.
#pragma once
#include "kernels/algo/attention_rows.inl.h"

namespace nibble {
namespace {

NIBBLE_INLINE Isa::F32 load_value(const uint16_t* p) { return Isa::load_half(p); }
NIBBLE_INLINE Isa::F32 load_value(const float* p) { return Isa::load_f(p); }
NIBBLE_INLINE Isa::F32 load_value(const uint16_t* p, int n) { return Isa::load_half(p, n); }
NIBBLE_INLINE Isa::F32 load_value(const float* p, int n) { return Isa::load_f(p, n); }

// Of a whole head, or of dimensions [from, to) with what was there added: products of q and K[slot j], j over 16 * kAttentionVectors
// slots from `slot` of one page; times `scale` with the last dimension.
template <int NR, class T>
NIBBLE_INLINE void half_scores(const QueryRow* rows, const T* k, const void* ahead, int slot, int from, int to, int head_dim, float scale,
                               float* scores) {
  constexpr int kVectors = Isa::kAttentionVectors;
  Isa::F32 acc[NR][kVectors];
  scores += slot;
  for (int r = 0; r < NR; ++r)
    for (int v = 0; v < kVectors; ++v) acc[r][v] = from == 0 ? Isa::set_f(0) : Isa::load_f(scores + r * kAttentionChunk + 16 * v);
  for (int d = from; d < to; ++d) {
    Isa::F32 keys[kVectors];
    for (int v = 0; v < kVectors; ++v) keys[v] = load_value(k + d * kKvPageTokens + slot + 16 * v);
    prefetch_lines<kVectors / 2>(ahead, (d * kKvPageTokens + slot) * int(sizeof(uint16_t)));
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const Isa::F32 q = Isa::set_f(rows[r].q[d]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::fma(q, keys[v], acc[r][v]);
    }
  }
  for (int r = 0; r < NR; ++r)
    for (int v = 0; v < kVectors; ++v)
      Isa::store_f(scores + r * kAttentionChunk + 16 * v, to == head_dim ? Isa::mul(acc[r][v], Isa::set_f(scale)) : acc[r][v]);
}

// values[r][d] += sum over `count` positions of p[r][j] * V[j][d], for NV vectors of d. v: the first position's, `stride` values each;
// with TAIL only `left` of the one vector's.
template <int NR, int NV, bool TAIL, class T>
NIBBLE_INLINE void half_values(const float* p, const T* v, const void* ahead, int stride, int left, int count, float* values, int padded) {
  Isa::F32 acc[NR][NV];
  for (int r = 0; r < NR; ++r) for (int i = 0; i < NV; ++i) acc[r][i] = Isa::load_f(values + r * padded + 16 * i);
  for (int j = 0; j < count; ++j) {
    Isa::F32 x[NV];
    const T* row = v + int64_t(j) * stride;
    for (int i = 0; i < NV; ++i) x[i] = TAIL ? load_value(row, left) : load_value(row + 16 * i);
    prefetch_lines<(NV + 1) / 2>(ahead, j * stride * int(sizeof(uint16_t)));
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const Isa::F32 weight = Isa::set_f(p[r * kAttentionChunk + j]);
#pragma GCC unroll 4
      for (int i = 0; i < NV; ++i) acc[r][i] = Isa::fma(weight, x[i], acc[r][i]);
    }
  }
  for (int r = 0; r < NR; ++r) for (int i = 0; i < NV; ++i) Isa::store_f(values + r * padded + 16 * i, acc[r][i]);
}

struct HalfCache {
  const AttentionArgs& args;
  float* wide;  // a page of one head: (padded head_dim, kKvPageTokens)
  int padded;
  HalfCache(const AttentionArgs& a, float* scratch) : args(a), wide(scratch), padded(padded_head(a.head_dim)) {}
  void set_rows(const QueryRow*, int) {}

  const uint16_t* part(const uint8_t* const* pages, int64_t position, int kv_head) const {
    return reinterpret_cast<const uint16_t*>(pages[position / kKvPageTokens]) + int64_t(kv_head) * args.head_dim * kKvPageTokens;
  }

  template <class T>
  void page_scores(const QueryRow* rows, const Tile& tile, const T* k, const void* ahead, int from, int to, int at, float* scores) const {
    constexpr int kStep = 16 * Isa::kAttentionVectors;
    for (int slot = 0; slot < kKvPageTokens; slot += kStep) {
      if (at + slot + kStep <= tile.from || at + slot >= tile.to) continue;
      with_rows<kTileRows>(tile.rows, [&](auto n) {
        half_scores<decltype(n)::value>(rows + tile.first, k, ahead, slot, from, to, args.head_dim, args.scale,
                                        scores + tile.first * kAttentionChunk + at);
      });
    }
  }

  // A head's part of the page at offset `at`, of which kTurn values are read now and the next ones come after other heads' turns: where
  // these begin, less what lies before them.
  static constexpr int kTurn = 512;
  const uint16_t* next_turn(const uint8_t* const* pages, const Tile& tile, const uint16_t* part_now, int done, int64_t base, int at) const {
    if (done + kTurn < args.head_dim * kKvPageTokens) return part_now + kTurn;
    return at + kKvPageTokens < tile.to ? part(pages, base + at + kKvPageTokens, tile.kv_head) - done : nullptr;
  }

  void scores(const QueryRow* rows, const QueryTiles& tiles, int64_t base, float* scores) {
    for (int at = tiles.from / kKvPageTokens * kKvPageTokens; at < tiles.to; at += kKvPageTokens)
      for (int t = 0, next; t < tiles.count; t = next) {
        next = tiles.next_streams(t);
        if (next > t) {
          for (int d = 0; d < args.head_dim; d += kTurn / kKvPageTokens)
            for (int i = t; i < next; ++i) {
              const uint16_t* k = part(args.k_pages, base + at, tiles.tile[i].kv_head);
              page_scores(rows, tiles.tile[i], k, next_turn(args.k_pages, tiles.tile[i], k, d * kKvPageTokens, base, at), d,
                          int(smaller(d + kTurn / kKvPageTokens, args.head_dim)), at, scores);
            }
          continue;
        }
        next = tiles.next_head(t);
        const uint16_t* k = part(args.k_pages, base + at, tiles.tile[t].kv_head);
        for (int i = 0; i < args.head_dim * kKvPageTokens; i += 16) Isa::store_f(wide + i, Isa::load_half(k + i));
        for (; t < next; ++t) page_scores(rows, tiles.tile[t], wide, nullptr, 0, args.head_dim, at, scores);
      }
  }

  // Positions [from, to) of the page at offset `at`. v: the page; `stride` values a position.
  template <class T>
  void page_values(const Tile& tile, const T* v, const void* ahead, int stride, int from, int to, int at, const float* weights,
                   float* values) const {
    constexpr int kVectors = Isa::kAttentionVectors;
    const int first = int(larger(at + from, tile.from)), count = int(smaller(at + to, tile.to)) - first;
    if (count <= 0) return;
    const float* p = weights + tile.first * kAttentionChunk + first;
    v += int64_t(first - at) * stride;
    if (ahead) ahead = static_cast<const uint16_t*>(ahead) + int64_t(first - at) * stride;
    values += tile.first * padded;
    with_rows<kTileRows>(tile.rows, [&](auto n) {
      constexpr int kRows = decltype(n)::value;
      int d = 0;
      for (; d + 16 * kVectors <= stride; d += 16 * kVectors)
        half_values<kRows, kVectors, false>(p, v + d, ahead, stride, 0, count, values + d, padded);
      for (; d + 16 <= stride; d += 16) half_values<kRows, 1, false>(p, v + d, ahead, stride, 0, count, values + d, padded);
      if (d < stride) half_values<kRows, 1, true>(p, v + d, ahead, stride, stride - d, count, values + d, padded);
    });
  }

  void values(const QueryTiles& tiles, int64_t base, const float* weights, float* values) {
    const int turn = int(larger(1, kTurn / args.head_dim));  // positions
    for (int at = tiles.from / kKvPageTokens * kKvPageTokens; at < tiles.to; at += kKvPageTokens)
      for (int t = 0, next; t < tiles.count; t = next) {
        next = tiles.next_streams(t);
        if (next > t) {
          for (int j = 0; j < kKvPageTokens; j += turn)
            for (int i = t; i < next; ++i) {
              const uint16_t* v = part(args.v_pages, base + at, tiles.tile[i].kv_head);
              page_values(tiles.tile[i], v, next_turn(args.v_pages, tiles.tile[i], v, j * args.head_dim, base, at), args.head_dim, j,
                          int(smaller(j + turn, kKvPageTokens)), at, weights, values);
            }
          continue;
        }
        next = tiles.next_head(t);
        const uint16_t* v = part(args.v_pages, base + at, tiles.tile[t].kv_head);
        const int first = int(larger(at, tiles.from)) - at, end = int(smaller(kKvPageTokens, tiles.to - at));
        for (int j = first; j < end; ++j)
          for_vectors(args.head_dim, [&](int64_t d, int n) {
            Isa::store_f(wide + j * padded + d, n == 16 ? Isa::load_half(v + j * args.head_dim + d) : Isa::load_half(v + j * args.head_dim + d, n));
          });
        for (; t < next; ++t) page_values(tiles.tile[t], wide, nullptr, padded, 0, kKvPageTokens, at, weights, values);
      }
  }
};

void kv_store_f16(uint8_t* k_page, uint8_t* v_page, const float* k, const float* v, int kv_heads, int head_dim, int slot) {
  uint16_t *k_values = reinterpret_cast<uint16_t*>(k_page), *v_values = reinterpret_cast<uint16_t*>(v_page);
  for (int h = 0; h < kv_heads; ++h) {
    for_vectors(head_dim, [&](int64_t d, int n) {
      alignas(64) uint16_t halves[16];
      Isa::store_half(halves, load_n(k + h * head_dim + d, n));
      for (int i = 0; i < n; ++i) k_values[(int64_t(h) * head_dim + d + i) * kKvPageTokens + slot] = halves[i];
      const Isa::F32 x = load_n(v + h * head_dim + d, n);
      uint16_t* out = v_values + (int64_t(h) * kKvPageTokens + slot) * head_dim + d;
      if (n == 16) Isa::store_half(out, x);
      else Isa::store_half(out, x, n);
    });
  }
}

}  // namespace
}  // namespace nibble
