// Attention of query tokens over a paged KV cache. Per query head: the KV length is cut at absolute multiples of kAttentionChunk; each
// chunk gives a maximum, a sum of exponentials and a weighted sum of values; chunks merge in order. Nothing depends on how queries are
// grouped or who computes which chunk. Source: Milakov and Gimelshein, Online normalizer calculation for softmax (2018).
#pragma once
#include "kernels/algo/attention_f16.inl.h"
#include "kernels/algo/attention_q8.inl.h"

namespace nibble {
namespace {

struct ChunkResult {
  float maximum, sum;
};

// Scores to weights, in place, for the offsets [first, last) of a chunk, multiples of 16; what the row does not see gets exactly 0.
NIBBLE_INLINE ChunkResult weigh(const QueryRow& row, float* scores, int first, int last, float cap) {
  const float minus_infinity = -__builtin_inff();
  if (cap > 0) softcap(scores + first, cap, last - first);
  for (int j = first; j < row.from; ++j) scores[j] = minus_infinity;
  for (int j = row.to; j < last; ++j) scores[j] = minus_infinity;
  const float maximum = max(scores + first, last - first);
  return {maximum, exp_and_sum(scores + first, last - first, maximum)};
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

// Row i of the part of the work that `args` names.
NIBBLE_INLINE QueryRow query_row(const AttentionArgs& args, int i) {
  const int group = args.heads / args.kv_heads, rows_per_head = (args.token_end - args.token_begin) * group;
  QueryRow row;
  row.kv_head = args.kv_head_begin + i / rows_per_head;
  const int token = args.token_begin + i % rows_per_head / group, head = row.kv_head * group + i % group;
  row.q = args.q + token * args.q_stride + int64_t(head) * args.head_dim;
  row.out = args.out + token * args.out_stride + int64_t(head) * args.head_dim;
  row.end = args.first_position + token + 1;
  row.begin = args.window > 0 ? larger(0, row.end - args.window) : 0;
  row.from = row.to = 0;
  row.maximum = row.sum = 0, row.started = false;
  row.sink = args.sinks ? args.sinks[head] : 0;
  return row;
}
NIBBLE_INLINE int row_count(const AttentionArgs& args) {
  return (args.kv_head_end - args.kv_head_begin) * (args.token_end - args.token_begin) * (args.heads / args.kv_heads);
}

// Partial results of row i and an absolute chunk: head_dim values, the maximum, the sum; a sum of 0: the row sees nothing of it.
NIBBLE_INLINE float* partial(const AttentionArgs& args, int64_t chunk, int i) {
  return args.partials + ((chunk - args.first_chunk) * row_count(args) + i) * attention_partial_floats(args.head_dim);
}

QueryTiles make_tiles(QueryRow* rows, int n, int64_t base) {
  QueryTiles tiles;
  for (int first = 0; first < n; first += tiles.tile[tiles.count - 1].rows) {
    Tile& tile = tiles.tile[tiles.count++];
    tile = {rows[first].kv_head, first, 0, kAttentionChunk, 0};
    for (int r = first; r < n && tile.rows < kTileRows && rows[r].kv_head == tile.kv_head; ++r) {
      ++tile.rows;
      QueryRow& row = rows[r];
      row.from = int(larger(0, row.begin - base)), row.to = int(smaller(kAttentionChunk, row.end - base));
      if (row.from >= row.to) row.from = row.to = 0;
      if (row.from == row.to) continue;
      tile.from = int(smaller(tile.from, row.from)), tile.to = int(larger(tile.to, row.to));
    }
    tiles.from = int(smaller(tiles.from, tile.from)), tiles.to = int(larger(tiles.to, tile.to));
  }
  return tiles;
}

// `first_row` is where `rows` begin in the part of the work.
template <class Cache>
void attend_chunk(Cache& cache, const AttentionArgs& args, QueryRow* rows, int n, int first_row, int64_t chunk, float* scores, float* values) {
  const int64_t base = chunk * kAttentionChunk;
  const QueryTiles tiles = make_tiles(rows, n, base);
  ChunkResult results[kAttentionBlockRows] = {};
  const int padded = padded_head(args.head_dim);
  if (tiles.from < tiles.to) {
    cache.scores(rows, tiles, base, scores);
    for (int t = 0; t < tiles.count; ++t) {
      const Tile& tile = tiles.tile[t];
      const int first = tile.first_group(), last = tile.end_group();
      for (int r = tile.first; r < tile.first + tile.rows; ++r) {
        float* x = scores + r * kAttentionChunk;
        if (rows[r].from < rows[r].to) results[r] = weigh(rows[r], x, first, last, args.softcap);
        else for (int j = first; j < last; j += 16) Isa::store_f(x + j, Isa::set_f(0));
      }
    }
    for (int i = 0; i < n * padded; i += 16) Isa::store_f(values + i, Isa::set_f(0));
    cache.values(tiles, base, scores, values);
  }
  for (int r = 0; r < n; ++r) {
    const float* sums = values + r * padded;
    if (args.partials) {
      float* out = partial(args, chunk, first_row + r);
      if (results[r].sum != 0) for_vectors(args.head_dim, [&](int64_t d, int lanes) { store_n(out + d, load_n(sums + d, lanes), lanes); });
      out[args.head_dim] = results[r].maximum, out[args.head_dim + 1] = results[r].sum;
    } else if (rows[r].from < rows[r].to) {
      merge(rows[r], results[r], sums, args.head_dim);
    }
  }
}

template <class Cache>
void attend(const AttentionArgs& args) {
  float* scores = args.scratch;
  float* values = scores + kAttentionBlockRows * kAttentionChunk;
  Cache cache(args, values + kAttentionBlockRows * padded_head(args.head_dim));
  const int count = row_count(args);
  for (int i = 0; i < count; i += kAttentionBlockRows) {
    const int n = int(smaller(kAttentionBlockRows, count - i));
    QueryRow rows[kAttentionBlockRows];
    int64_t begin = INT64_MAX, end = 0;
    for (int r = 0; r < n; ++r) {
      rows[r] = query_row(args, i + r);
      begin = smaller(begin, rows[r].begin), end = larger(end, rows[r].end);
    }
    cache.set_rows(rows, n);
    int64_t chunk = begin / kAttentionChunk, chunks = (end + kAttentionChunk - 1) / kAttentionChunk;
    if (args.partials) chunk = args.chunk_begin, chunks = args.chunk_end;
    for (; chunk < chunks; ++chunk) attend_chunk(cache, args, rows, n, i, chunk, scores, values);
    if (!args.partials) for (int r = 0; r < n; ++r) finish(rows[r], args.sinks != nullptr, args.head_dim);
  }
}

void attention(const AttentionArgs& args) { args.kv_type == KvType::kQ8_0 ? attend<Q8Cache>(args) : attend<HalfCache>(args); }

void attention_merge(const AttentionArgs& args) {
  for (int i = 0; i < row_count(args); ++i) {
    QueryRow row = query_row(args, i);
    for (int64_t chunk = row.begin / kAttentionChunk; chunk * kAttentionChunk < row.end; ++chunk) {
      const float* values = partial(args, chunk, i);
      merge(row, {values[args.head_dim], values[args.head_dim + 1]}, values, args.head_dim);
    }
    finish(row, args.sinks != nullptr, args.head_dim);
  }
}

void kv_store(KvType type, uint8_t* k_page, uint8_t* v_page, const float* k, const float* v, int kv_heads, int head_dim, int slot) {
  type == KvType::kQ8_0 ? kv_store_q8(k_page, v_page, k, v, kv_heads, head_dim, slot)
                        : kv_store_f16(k_page, v_page, k, v, kv_heads, head_dim, slot);
}

}  // namespace
}  // namespace nibble
