// The KV cache in q8_0 as attention reads it (layout: kernels/kernels.h). q is rounded to eight bits per 32 values; the products of a
// block of 32 are summed in integers, converted once, and chained over blocks. Weights times the scales of V are rounded to 15 bits per
// row, block and chunk, so that the sum over a chunk's positions is one exact integer: 512 * 32767 * 127 < 2^31.
#pragma once
#include "kernels/algo/attention_rows.inl.h"
#include "kernels/algo/quantize.inl.h"

namespace nibble {
namespace {

// One head's part of a page: codes, then scales (blocks, kKvPageTokens).
struct Q8Part {
  const uint8_t* codes;
  const uint16_t* scales;
  Q8Part(const uint8_t* page, int head, int head_dim) {
    codes = page + head * kv_head_bytes(KvType::kQ8_0, head_dim);
    scales = reinterpret_cast<const uint16_t*>(codes + padded_head(head_dim) * kKvPageTokens);
  }
};

// scores[r][j] of one block of `width` values, added to what is there unless it is the first. q: (rows, padded) codes of the block, and
// per row the scale of the block and what an integer sum starts with, `blocks` apart.
template <int NR>
NIBBLE_INLINE void q8_scores(const int8_t* q, int padded, const float* q_scales, const int32_t* start, int blocks, const uint8_t* k,
                             const uint8_t* ahead, const uint16_t* k_scales, int width, bool first, float* scores) {
  constexpr int kVectors = Isa::kAttentionVectors;
  Isa::I32 acc[NR][kVectors];
  for (int r = 0; r < NR; ++r) for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::set_i(start[r * blocks]);
  for (int d = 0; d < width; d += 4) {
    Isa::U8 keys[kVectors];
    for (int v = 0; v < kVectors; ++v) keys[v] = Isa::bias_signed(Isa::load_u8(k + d * kKvPageTokens + 64 * v));
    prefetch_lines<kVectors>(ahead, d * kKvPageTokens);
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const Isa::U8 values = Isa::broadcast4(q + r * padded + d);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = Isa::dot_s8(acc[r][v], keys[v], values);
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    const Isa::F32 scale = Isa::load_half(k_scales + 16 * v);
    for (int r = 0; r < NR; ++r) {
      float* out = scores + r * kAttentionChunk + 16 * v;
      const Isa::F32 factor = Isa::mul(scale, Isa::set_f(q_scales[r * blocks]));
      Isa::store_f(out, Isa::fma(Isa::to_float(acc[r][v]), factor, first ? Isa::set_f(0) : Isa::load_f(out)));
    }
  }
}

// acc[r][i] += sum over `pairs` pairs of positions of weights[r] * V, for NV vectors of values. v: (pairs, 16 NV, 2)
template <int NR, int NV>
NIBBLE_INLINE void q8_values(const int16_t* weights, const uint8_t* v, const uint8_t* ahead, int pairs, Isa::I32 (&acc)[NR][NV]) {
  for (int j = 0; j < pairs; ++j) {
    Isa::I32 x[NV];
    for (int i = 0; i < NV; ++i) x[i] = Isa::widen_i8_pairs(reinterpret_cast<const int8_t*>(v) + 32 * (NV * j + i));
    prefetch_lines<1>(ahead, 32 * NV * j);
#pragma GCC unroll 4
    for (int r = 0; r < NR; ++r) {
      const Isa::I32 weight = Isa::as_ints(Isa::broadcast4(weights + r * kAttentionChunk + 2 * j));
      for (int i = 0; i < NV; ++i) acc[r][i] = Isa::dot_pairs(acc[r][i], weight, x[i]);
    }
  }
}

struct Q8Cache {
  const AttentionArgs& args;
  int padded, blocks;
  float* products;   // (kTileRows, kAttentionChunk): weight times scale
  float* q_scales;   // (kAttentionBlockRows, blocks), times args.scale
  int32_t* q_start;  // (kAttentionBlockRows, blocks): takes back what the ISA's dot adds
  int32_t* sums;     // (kStreams, kTileRows, padded)
  int16_t* weights;  // (kStreams, blocks, kTileRows, kAttentionChunk)
  int8_t* q_codes;   // (kAttentionBlockRows, padded)

  Q8Cache(const AttentionArgs& a, float* scratch) : args(a), padded(padded_head(a.head_dim)), blocks((a.head_dim + 31) / 32) {
    products = scratch;
    q_scales = products + kTileRows * kAttentionChunk;
    q_start = reinterpret_cast<int32_t*>(q_scales + kAttentionBlockRows * blocks);
    sums = q_start + kAttentionBlockRows * blocks;
    weights = reinterpret_cast<int16_t*>(sums + kStreams * kTileRows * padded);
    q_codes = reinterpret_cast<int8_t*>(weights + kStreams * kTileRows * blocks * kAttentionChunk);
  }
  int width(int block) const { return int(smaller(32, padded - 32 * block)); }
  Q8Part part(const uint8_t* const* pages, int64_t position, int kv_head) const { return {pages[position / kKvPageTokens], kv_head, args.head_dim}; }

  void set_rows(const QueryRow* rows, int n) {
    for (int r = 0; r < n; ++r)
      for (int b = 0; b < blocks; ++b) {
        alignas(64) float x[32] = {};
        for_vectors(smaller(32, args.head_dim - 32 * b), [&](int64_t d, int lanes) { store_n(x + d, load_n(rows[r].q + 32 * b + d, lanes), lanes); });
        int16_t block_sums[2] = {};
        const float scale = quantize_group(x, width(b), amax(x, 32), q_codes + r * padded + 32 * b, block_sums);
        q_scales[r * blocks + b] = scale * args.scale;
        q_start[r * blocks + b] = -Isa::kSignedBias * (block_sums[0] + block_sums[1]);
      }
  }

  // Tiles [begin, end), a block of each at a time: of heads that have one tile, as streams; or one of a head's.
  struct Group {
    int begin, end;
    bool streams;
  };
  static NIBBLE_INLINE Group group_from(const QueryTiles& tiles, int t) {
    const int end = tiles.next_streams(t);
    return {t, end > t ? end : t + 1, end > t};
  }
  // What a stream reads after a part's block: the next block, or the next page's first.
  const uint8_t* after(const uint8_t* const* pages, const Tile& tile, int block, int64_t base, int at) const {
    if (block + 1 < blocks) return part(pages, base + at, tile.kv_head).codes + 32 * (block + 1) * kKvPageTokens;
    return at + kKvPageTokens < tile.to ? part(pages, base + at + kKvPageTokens, tile.kv_head).codes : nullptr;
  }

  void scores(const QueryRow*, const QueryTiles& tiles, int64_t base, float* scores) {
    for (int at = tiles.from / kKvPageTokens * kKvPageTokens; at < tiles.to; at += kKvPageTokens)
      for (Group g{}; g.end < tiles.count;) {
        g = group_from(tiles, g.end);
        for (int b = 0; b < blocks; ++b)
          for (int t = g.begin; t < g.end; ++t)
            page_scores(tiles.tile[t], b, base, at, g.streams ? after(args.k_pages, tiles.tile[t], b, base, at) : nullptr, scores);
      }
  }

  void page_scores(const Tile& tile, int b, int64_t base, int at, const uint8_t* ahead, float* scores) const {
    constexpr int kStep = 16 * Isa::kAttentionVectors;
    const Q8Part k = part(args.k_pages, base + at, tile.kv_head);
    if (ahead) {
      const int scales = b * kKvPageTokens * int(sizeof(uint16_t));
      prefetch_lines<2>(part(args.v_pages, base + at, tile.kv_head).scales, scales);
      if (at + kKvPageTokens < tile.to) prefetch_lines<2>(part(args.k_pages, base + at + kKvPageTokens, tile.kv_head).scales, scales);
    }
    for (int slot = 0; slot < kKvPageTokens; slot += kStep) {
      if (at + slot + kStep <= tile.from || at + slot >= tile.to) continue;
      with_rows<kTileRows>(tile.rows, [&](auto n) __attribute__((always_inline)) {
        q8_scores<decltype(n)::value>(q_codes + tile.first * padded + 32 * b, padded, q_scales + tile.first * blocks + b,
                                      q_start + tile.first * blocks + b, blocks, k.codes + 32 * b * kKvPageTokens + 4 * slot,
                                      ahead ? ahead + 4 * slot : nullptr, k.scales + b * kKvPageTokens + slot, width(b), b == 0,
                                      scores + tile.first * kAttentionChunk + at + slot);
      });
    }
  }

  // The tile's weights times the scales of V's block, as integers; what one is worth goes to `unit`. A scale that is no number shows in
  // `unit`. p: (rows of all tiles, kAttentionChunk)
  void round_weights(const Tile& tile, int block, int64_t base, const float* p, int16_t* rounded, float* unit) {
    const int first = tile.first_group(), last = tile.end_group();
    p += tile.first * kAttentionChunk;
    Isa::F32 most[kTileRows], check = Isa::set_f(0);
    for (int r = 0; r < tile.rows; ++r) most[r] = Isa::set_f(0);
    for (int j = first; j < last; j += 16) {
      const uint16_t* scales = part(args.v_pages, base + j, tile.kv_head).scales + block * kKvPageTokens + j % kKvPageTokens;
      const Isa::F32 scale = j + 16 <= tile.to ? Isa::load_half(scales) : Isa::load_half(scales, tile.to - j);
      check = Isa::fma(scale, Isa::set_f(0), check);
      for (int r = 0; r < tile.rows; ++r) {
        const Isa::F32 product = Isa::mul(Isa::load_f(p + r * kAttentionChunk + j), scale);
        Isa::store_f(products + r * kAttentionChunk + j, product);
        most[r] = Isa::max(product, most[r]);
      }
    }
    const float not_finite = Isa::reduce_add(check);
    for (int r = 0; r < tile.rows; ++r) {
      const float maximum = Isa::reduce_max(most[r]);
      const Isa::F32 inverse = Isa::set_f(maximum > 1e-30f ? 32767.0f / maximum : 0.0f);
      unit[r] = maximum / 32767.0f + not_finite;
      for (int j = first; j < last; j += 16)
        Isa::store_i16(rounded + r * kAttentionChunk + j, Isa::round_to_int(Isa::mul(Isa::load_f(products + r * kAttentionChunk + j), inverse)));
    }
  }

  // values[r][d] of a block = unit[r] * sum over the tile's positions of rounded weights times codes. Of positions [first, last), a part
  // of them: what comes before and after is kept in `kept`.
  template <int NR, int NV>
  void block_values(const Tile& tile, int block, int64_t base, int first, int last, const int16_t* rounded, const uint8_t* ahead, int32_t* kept,
                    const float* unit, float* values) const {
    Isa::I32 acc[NR][NV];
    for (int r = 0; r < NR; ++r) for (int i = 0; i < NV; ++i) acc[r][i] = Isa::set_i(0);
    if (first > tile.first_group())
      for (int r = 0; r < NR; ++r) for (int i = 0; i < NV; ++i) acc[r][i] = Isa::load_i(kept + r * padded + 16 * i);
    for (int j = first; j < last;) {
      const int slot = j % kKvPageTokens, count = int(smaller(kKvPageTokens - slot, last - j));
      const int64_t offset = 16 * NV * slot;
      q8_values<NR, NV>(rounded + j, part(args.v_pages, base + j, tile.kv_head).codes + 32 * block * kKvPageTokens + offset,
                        ahead ? ahead + offset : nullptr, count / 2, acc);
      j += count;
    }
    if (last < tile.end_group()) {
      for (int r = 0; r < NR; ++r) for (int i = 0; i < NV; ++i) Isa::store_i(kept + r * padded + 16 * i, acc[r][i]);
      return;
    }
    for (int r = 0; r < NR; ++r)
      for (int i = 0; i < NV; ++i) Isa::store_f(values + r * padded + 16 * i, Isa::mul(Isa::to_float(acc[r][i]), Isa::set_f(unit[r])));
  }

  NIBBLE_INLINE void block_values_of(const Tile& tile, int b, int64_t base, int first, int last, const int16_t* rounded, const uint8_t* ahead,
                                     int32_t* kept, const float* unit, float* values) const {
    values += tile.first * padded + 32 * b;
    with_rows<kTileRows>(tile.rows, [&](auto n) __attribute__((always_inline)) {
      constexpr int kRows = decltype(n)::value;
      width(b) == 32 ? block_values<kRows, 2>(tile, b, base, first, last, rounded, ahead, kept, unit, values)
                     : block_values<kRows, 1>(tile, b, base, first, last, rounded, ahead, kept, unit, values);
    });
  }

  // One tile of several that share a head: a block of all pages at once, which stays in the cache.
  void shared_values(const Tile& tile, int64_t base, const float* p, float* values) {
    if (tile.from >= tile.to) return;
    for (int b = 0; b < blocks; ++b) {
      float unit[kTileRows];
      round_weights(tile, b, base, p, weights, unit);
      block_values_of(tile, b, base, tile.first_group(), tile.end_group(), weights, nullptr, nullptr, unit, values);
    }
  }

  // A page of all tiles, all blocks of it, then the next page.
  void stream_values(const QueryTiles& tiles, Group g, int64_t base, const float* p, float* values) {
    float unit[kStreams][kMaxHeadDim / 32][kTileRows];
    const auto rounded = [&](int t, int b) { return weights + ((t - g.begin) * blocks + b) * kTileRows * kAttentionChunk; };
    int from = kAttentionChunk, to = 0;
    for (int t = g.begin; t < g.end; ++t) {
      from = int(smaller(from, tiles.tile[t].from)), to = int(larger(to, tiles.tile[t].to));
      for (int b = 0; b < blocks; ++b) round_weights(tiles.tile[t], b, base, p, rounded(t, b), unit[t - g.begin][b]);
    }
    for (int at = from / kKvPageTokens * kKvPageTokens; at < to; at += kKvPageTokens)
      for (int b = 0; b < blocks; ++b)
        for (int t = g.begin; t < g.end; ++t) {
          const Tile& tile = tiles.tile[t];
          const int first = int(larger(at, tile.first_group())), last = int(smaller(at + kKvPageTokens, tile.end_group()));
          if (first >= last) continue;
          block_values_of(tile, b, base, first, last, rounded(t, b), after(args.v_pages, tile, b, base, at),
                          sums + (t - g.begin) * kTileRows * padded + 32 * b, unit[t - g.begin][b], values);
        }
  }

  void values(const QueryTiles& tiles, int64_t base, const float* p, float* values) {
    for (Group g{}; g.end < tiles.count;) {
      g = group_from(tiles, g.end);
      g.streams ? stream_values(tiles, g, base, p, values) : shared_values(tiles.tile[g.begin], base, p, values);
    }
  }
};

// One block of a token's K or V: code = round(x / scale), the scale in f16 as it is stored. Its codes go to 32 bytes.
NIBBLE_INLINE uint16_t round_block(const float* values, int64_t count, int8_t* codes) {
  alignas(64) float x[32] = {};
  for_vectors(count, [&](int64_t d, int n) { store_n(x + d, load_n(values + d, n), n); });
  Isa::F32 check = Isa::set_f(0);
  for (int i = 0; i < 32; i += 16) check = Isa::fma(Isa::load_f(x + i), Isa::set_f(0), check);
  alignas(64) float scales[16] = {amax(x, 32) / 127.0f + Isa::reduce_add(check)};
  alignas(64) uint16_t halves[16];
  Isa::store_half(halves, Isa::load_f(scales));
  Isa::store_f(scales, Isa::load_half(halves));
  const Isa::F32 inverse = Isa::set_f(scales[0] > 0 ? 1.0f / scales[0] : 0.0f), limit = Isa::set_f(127.0f);
  for (int i = 0; i < 32; i += 16) {
    const Isa::F32 code = Isa::mul(Isa::load_f(x + i), inverse);
    Isa::store_i8(codes + i, Isa::round_to_int(Isa::max(Isa::min(code, limit), Isa::set_f(-127.0f))));
  }
  return halves[0];
}

void kv_store_q8(uint8_t* k_page, uint8_t* v_page, const float* k, const float* v, int kv_heads, int head_dim, int slot) {
  const int padded = padded_head(head_dim);
  for (int h = 0; h < kv_heads; ++h) {
    uint8_t *k_codes = k_page + h * kv_head_bytes(KvType::kQ8_0, head_dim), *v_codes = v_page + h * kv_head_bytes(KvType::kQ8_0, head_dim);
    uint16_t* k_scales = reinterpret_cast<uint16_t*>(k_codes + padded * kKvPageTokens);
    uint16_t* v_scales = reinterpret_cast<uint16_t*>(v_codes + padded * kKvPageTokens);
    for (int b = 0; 32 * b < head_dim; ++b) {
      const int width = int(smaller(32, padded - 32 * b)), first = 32 * b * kKvPageTokens;
      const int64_t at = int64_t(h) * head_dim + 32 * b, count = smaller(32, head_dim - 32 * b);
      alignas(64) int8_t codes[32];
      k_scales[b * kKvPageTokens + slot] = round_block(k + at, count, codes);
      for (int d = 0; d < width; d += 4) __builtin_memcpy(k_codes + first + d * kKvPageTokens + 4 * slot, codes + d, 4);
      v_scales[b * kKvPageTokens + slot] = round_block(v + at, count, codes);
      for (int d = 0; d < width; ++d) v_codes[first + (slot / 2 * width + d) * 2 + slot % 2] = uint8_t(codes[d]);
    }
  }
}

}  // namespace
}  // namespace nibble
