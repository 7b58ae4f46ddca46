// What attention knows of its query rows, whatever the KV cache holds: which positions each sees, and tiles of rows that are computed
// together.
#pragma once
#include "kernels/algo/elementwise.inl.h"

namespace nibble {
namespace {

NIBBLE_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
NIBBLE_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
NIBBLE_INLINE int padded_head(int head_dim) { return (head_dim + 15) / 16 * 16; }

// One head of one token.
struct QueryRow {
  const float* q;
  float* out;
  int kv_head;
  int64_t begin, end;  // positions it sees
  int from, to;        // the same within the chunk at hand, as offsets in it; from == to: none
  float maximum, sum;  // running
  float sink;
  bool started;
};

inline constexpr int kTileRows = Isa::kAttentionRows;
static_assert(kTileRows <= kMaxAttentionRows);
inline constexpr int kStreams = kAttentionStreams;

// Neighbouring rows of a kv head, and the offsets of a chunk that any of them sees.
struct Tile {
  int kv_head, first, rows;
  int from, to;
  // The same in whole groups of 16.
  NIBBLE_INLINE int first_group() const { return from / 16 * 16; }
  NIBBLE_INLINE int end_group() const { return (to + 15) / 16 * 16; }
};
struct QueryTiles {
  Tile tile[kAttentionBlockRows];
  int count = 0;
  int from = kAttentionChunk, to = 0;  // of all tiles
  // Behind the tiles from t on that share a kv head, and so what is read of the cache.
  NIBBLE_INLINE int next_head(int t) const {
    const int head = tile[t].kv_head;
    while (t < count && tile[t].kv_head == head) ++t;
    return t;
  }
  // Behind the at most kStreams tiles from t on whose heads have no other tile; t itself where its head has. Their parts are read side by
  // side, a piece of each at a time: memory delivers several streams at once faster than one.
  NIBBLE_INLINE int next_streams(int t) const {
    const int begin = t;
    while (t < count && t < begin + kStreams && next_head(t) == t + 1) ++t;
    return t;
  }
};

template <int N>
struct Count { static constexpr int value = N; };
// body(Count<n>), n in [1, MOST]
template <int MOST, class Body>
NIBBLE_INLINE void with_rows(int n, const Body& body) {
  if (n == MOST) return body(Count<MOST>());
  if constexpr (MOST > 1) with_rows<MOST - 1>(n, body);
}

// What is read next of a part.
template <int LINES>
NIBBLE_INLINE void prefetch_lines(const void* page, int offset) {
  if (!page) return;
  for (int i = 0; i < LINES; ++i) __builtin_prefetch(static_cast<const char*>(page) + offset + 64 * i, 0, 2);
}

}  // namespace
}  // namespace nibble
