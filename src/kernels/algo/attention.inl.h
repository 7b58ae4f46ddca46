// Attention of query tokens over a paged f16 KV cache. Per query head: the KV length is cut at absolute multiples of
// kAttentionChunk; each chunk gives a maximum, a sum of exponentials and a weighted sum of values; chunks merge in order.
// Scores are one fma chain over head_dim (K is transposed: lanes are positions), values one fma chain over positions: nothing
// depends on how queries are grouped. Source: Milakov and Gimelshein, Online normalizer calculation for softmax (2018).
#pragma once
#include "kernels/algo/elementwise.inl.h"

namespace nibble {
namespace {

struct ChunkResult {
  float maximum, sum;
};

// A query row of the tile: which head of which token, and the positions it sees within the chunk.
struct QueryRow {
  const float* q;
  float* out;
  int64_t begin, end;  // visible positions, absolute, before clamping to a chunk
  float maximum, sum;  // running
  float sink;
  bool started;
};

inline constexpr int kTileRows = Isa::kAttentionRows;

// scores[r][j]: q . K[position first + j], j over `vectors` * 16 positions of one page.
template <int NR>
NIBBLE_INLINE void page_scores(QueryRow* const* rows, const uint16_t* k, int slot, int head_dim, float (*scores)[kAttentionChunk], int at) {
  constexpr int kVectors = Isa::kAttentionVectors;
  Isa::F32 acc[NR][kVectors];
  for (int r = 0; r < NR; ++r) for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::set_f(0);
  for (int d = 0; d < head_dim; ++d) {
    Isa::F32 keys[kVectors];
    for (int v = 0; v < kVectors; ++v) keys[v] = Isa::load_half(k + d * kKvPageTokens + slot + 16 * v);
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const Isa::F32 q = Isa::set_f(rows[r]->q[d]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::fma(q, keys[v], acc[r][v]);
    }
  }
  for (int r = 0; r < NR; ++r) for (int v = 0; v < kVectors; ++v) Isa::store_f(scores[r] + at + 16 * v, acc[r][v]);
}

// values[r][d] += sum over positions of p[r][j] * V[j][d], for kAttentionVectors vectors of d from d0.
template <int NR, int NV>
NIBBLE_INLINE void page_values(const float (*p)[kAttentionChunk], const uint16_t* v, int head_dim, int first, int count, int at,
                               float* values, int d0) {
  Isa::F32 acc[NR][NV];
  for (int r = 0; r < NR; ++r) for (int i = 0; i < NV; ++i) acc[r][i] = Isa::load_f(values + r * kMaxHeadDim + d0 + 16 * i);
  for (int j = 0; j < count; ++j) {
    Isa::F32 x[NV];
    const uint16_t* row = v + int64_t(first + j) * head_dim + d0;
    const int left = head_dim - d0;
    for (int i = 0; i < NV; ++i) x[i] = left >= 16 * (i + 1) ? Isa::load_half(row + 16 * i) : Isa::load_half(row + 16 * i, left - 16 * i);
    for (int r = 0; r < NR; ++r) {
      const Isa::F32 weight = Isa::set_f(p[r][at + j]);
      for (int i = 0; i < NV; ++i) acc[r][i] = Isa::fma(weight, x[i], acc[r][i]);
    }
  }
  for (int r = 0; r < NR; ++r) for (int i = 0; i < NV; ++i) Isa::store_f(values + r * kMaxHeadDim + d0 + 16 * i, acc[r][i]);
}

// Scores to weights, in place; positions outside [begin, end) get exactly 0. The first position of scores is `base`.
NIBBLE_INLINE ChunkResult weigh(const AttentionArgs& args, float* scores, int64_t base, int64_t begin, int64_t end, int64_t tile_begin,
                                int64_t tile_end) {
  const float minus_infinity = -__builtin_inff();
  for (int64_t j = tile_begin; j < begin; ++j) scores[j - base] = minus_infinity;
  for (int64_t j = end; j < tile_end; ++j) scores[j - base] = minus_infinity;
  // Whole vectors from the chunk's start, so that lanes do not depend on where the visible part begins.
  const int64_t first = (begin - base) / 16 * 16, n = end - base - first;
  for (int64_t j = first; j < begin - base; ++j) scores[j] = minus_infinity;
  float* x = scores + first;
  scale(x, args.scale, n);
  if (args.softcap > 0) softcap(x, args.softcap, n);
  if (args.softcap > 0) for (int64_t j = first; j < begin - base; ++j) scores[j] = minus_infinity;
  const float maximum = max(x, n);
  return {maximum, exp_and_sum(x, n, maximum)};
}

NIBBLE_INLINE void merge(QueryRow& row, const ChunkResult& chunk, const float* values, int head_dim) {
  if (!row.started) {
    row.maximum = chunk.maximum, row.sum = chunk.sum, row.started = true;
    for_vectors(head_dim, [&](int64_t d, int n) { store_n(row.out + d, load_n(values + d, n), n); });
    return;
  }
  const float maximum = row.maximum > chunk.maximum ? row.maximum : chunk.maximum;
  float factors[16] = {row.maximum - maximum, chunk.maximum - maximum};
  Isa::store_f(factors, exp_lanes(Isa::load_f(factors)));
  row.sum = __builtin_fmaf(chunk.sum, factors[1], row.sum * factors[0]);
  row.maximum = maximum;
  for_vectors(head_dim, [&](int64_t d, int n) {
    const Isa::F32 old = Isa::mul(load_n(row.out + d, n), Isa::set_f(factors[0]));
    store_n(row.out + d, Isa::fma(load_n(values + d, n), Isa::set_f(factors[1]), old), n);
  });
}

NIBBLE_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
NIBBLE_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

template <int NR>
void attend_chunk(const AttentionArgs& args, QueryRow* const* rows, int64_t chunk) {
  constexpr int kVectors = Isa::kAttentionVectors;
  const int64_t base = chunk * kAttentionChunk, limit = base + kAttentionChunk;
  float(*scores)[kAttentionChunk] = reinterpret_cast<float(*)[kAttentionChunk]>(args.scratch);
  float* values = args.scratch + kTileRows * kAttentionChunk;
  int64_t begin = limit, end = base;  // what any row of the tile sees
  for (int r = 0; r < NR; ++r) {
    begin = smaller(begin, larger(base, rows[r]->begin));
    end = larger(end, smaller(limit, rows[r]->end));
  }
  if (begin >= end) return;
  const int64_t head_offset = int64_t(args.kv_head) * args.head_dim * kKvPageTokens;
  constexpr int kStep = 16 * kVectors;
  const int64_t first = begin / kStep * kStep;
  for (int64_t j = first; j < end; j += kStep)
    page_scores<NR>(rows, args.k_pages[j / kKvPageTokens] + head_offset, int(j % kKvPageTokens), args.head_dim, scores, int(j - base));
  ChunkResult results[NR] = {};
  bool sees[NR];
  for (int r = 0; r < NR; ++r) {
    const int64_t from = larger(base, rows[r]->begin), to = smaller(limit, rows[r]->end);
    sees[r] = from < to;
    if (sees[r]) {
      results[r] = weigh(args, scores[r], base, from, to, first, end);
      for (int64_t j = to; j < end; ++j) scores[r][j - base] = 0;
      for (int64_t j = first; j < from / 16 * 16; ++j) scores[r][j - base] = 0;
    } else {
      for (int64_t j = first; j < end; ++j) scores[r][j - base] = 0;
    }
  }
  for (int i = 0; i < NR * kMaxHeadDim; i += 16) Isa::store_f(values + i, Isa::set_f(0));
  for (int64_t j = begin; j < end;) {
    const int slot = int(j % kKvPageTokens);
    const int count = int(smaller(kKvPageTokens - slot, end - j));
    const uint16_t* v = args.v_pages[j / kKvPageTokens] + head_offset;
    int d = 0;
    for (; d + 16 * kVectors <= args.head_dim; d += 16 * kVectors)
      page_values<NR, kVectors>(scores, v, args.head_dim, slot, count, int(j - base), values, d);
    for (; d < args.head_dim; d += 16) page_values<NR, 1>(scores, v, args.head_dim, slot, count, int(j - base), values, d);
    j += count;
  }
  for (int r = 0; r < NR; ++r) if (sees[r]) merge(*rows[r], results[r], values + r * kMaxHeadDim, args.head_dim);
}

// The sink is one more logit that takes weight and adds no value; then the sum divides.
NIBBLE_INLINE void finish(QueryRow& row, bool has_sink, int head_dim) {
  float factor = 1.0f;
  if (has_sink) {
    const float maximum = row.maximum > row.sink ? row.maximum : row.sink;
    float factors[16] = {row.maximum - maximum, row.sink - maximum};
    Isa::store_f(factors, exp_lanes(Isa::load_f(factors)));
    row.sum = __builtin_fmaf(row.sum, factors[0], factors[1]);
    factor = factors[0];
  }
  scale(row.out, factor / row.sum, head_dim);
}

void attention(const AttentionArgs& args) {
  const int group = args.heads / args.kv_heads;
  const int64_t count = int64_t(args.token_end - args.token_begin) * group;
  for (int64_t i = 0; i < count; i += kTileRows) {
    const int n = int(smaller(kTileRows, count - i));
    QueryRow tile[kTileRows];
    QueryRow* rows[kTileRows];
    int64_t begin = INT64_MAX, end = 0;
    for (int r = 0; r < n; ++r) {
      const int token = args.token_begin + int((i + r) / group), head = args.kv_head * group + int((i + r) % group);
      const int64_t position = args.first_position + token;
      QueryRow& row = tile[r];
      rows[r] = &row;
      row.q = args.q + token * args.q_stride + int64_t(head) * args.head_dim;
      row.out = args.out + token * args.out_stride + int64_t(head) * args.head_dim;
      row.end = position + 1;
      row.begin = args.window > 0 ? larger(0, row.end - args.window) : 0;
      row.started = false;
      row.sink = args.sinks ? args.sinks[head] : 0;
      begin = smaller(begin, row.begin), end = larger(end, row.end);
    }
    for (int64_t chunk = begin / kAttentionChunk; chunk * kAttentionChunk < end; ++chunk) {
      int r = 0;
      if (n == kTileRows) attend_chunk<kTileRows>(args, rows, chunk), r = n;
      for (; r < n; ++r) attend_chunk<1>(args, rows + r, chunk);
    }
    for (int r = 0; r < n; ++r) finish(tile[r], args.sinks != nullptr, args.head_dim);
  }
}

void kv_store(uint16_t* k_page, uint16_t* v_page, const float* k, const float* v, int kv_heads, int head_dim, int slot) {
  for (int h = 0; h < kv_heads; ++h) {
    for_vectors(head_dim, [&](int64_t d, int n) {
      alignas(64) uint16_t halves[16];
      Isa::store_half(halves, load_n(k + h * head_dim + d, n));
      for (int i = 0; i < n; ++i) k_page[(int64_t(h) * head_dim + d + i) * kKvPageTokens + slot] = halves[i];
      const Isa::F32 x = load_n(v + h * head_dim + d, n);
      uint16_t* out = v_page + (int64_t(h) * kKvPageTokens + slot) * head_dim + d;
      if (n == 16) Isa::store_half(out, x);
      else Isa::store_half(out, x, n);
    });
  }
}

}  // namespace
}  // namespace nibble
