// Few columns: weights in file order, K along the lanes. Sixteen rows are four neighbours from each of four distant places: memory
// delivers four streams at once faster than one. Four rows, one of each stream, go through K together and are reduced to one vector,
// so that the integer partial sums of long rows fit L1; of sixteen rows, lanes become rows before the one conversion to float.
#pragma once
#include "kernels/algo/codes.inl.h"
#include "kernels/algo/tiles.inl.h"
#include "kernels/kernels.h"

namespace nibble {
namespace {

inline constexpr int kRowGroup = 16;
inline constexpr int kMaxRowColumns = Isa::kMaxRowColumns;  // more go through matmul_panel.inl.h

// -zero * (sum of 4 codes), for every 4 codes of every column: what the dot products start from, so that unsigned codes cost
// nothing. (columns, P / 4)
NIBBLE_INLINE void fill_corrections4(const MatmulArgs& args, int zero, int32_t* out) {
  const int64_t padded = args.q.padded_length;
  for (int64_t i = 0; i < args.columns * padded; i += 64) {
    const Isa::I32 sums = Isa::dot_u7(Isa::set_i(0), Isa::set_u8(1), Isa::load_u8(args.q.codes + i));
    Isa::store_i(out + i / 4, Isa::mul(sums, Isa::set_i(-zero)));
  }
}

template <bool SIGNED>
NIBBLE_INLINE Isa::I32 dot_codes(Isa::I32 acc, Isa::U8 w, Isa::U8 a) {
  if constexpr (SIGNED) return Isa::dot_s8(acc, Isa::bias_signed(w), a);
  return Isa::dot_u7(acc, w, a);
}

template <class C>
constexpr int zero_point() {
  if constexpr (requires { C::kSigned; }) return C::kZero + (C::kSigned ? Isa::kSignedBias : 0);
  return C::kZero;
}

NIBBLE_INLINE int64_t clamp_row(const MatmulArgs& args, int64_t row) { return row < args.row_end ? row : args.row_end - 1; }

// The rows of a call as four streams of `quarter` rows, a multiple of 4. Lane 4 * k + stream of group g is row 4 * g + k of its
// stream; lanes beyond a stream's end repeat a row and are not stored.
struct RowStreams {
  int64_t begin, end, quarter;
  NIBBLE_INLINE explicit RowStreams(const MatmulArgs& args)
      : begin(args.row_begin), end(args.row_end), quarter((args.row_end - args.row_begin + 15) / 16 * 4) {}
  NIBBLE_INLINE int64_t groups() const { return quarter / 4; }
  NIBBLE_INLINE int64_t first(int64_t group, int stream) const { return begin + stream * quarter + 4 * group; }
  NIBBLE_INLINE const uint8_t* weights(const MatmulArgs& args, int64_t group, int stream, int k) const {
    const int64_t row = first(group, stream) + k;
    return args.weights + size_t(row < end ? row : end - 1) * args.row_bytes;
  }
  // What to prefetch while the piece at byte `at` of row (group, k) is read. Whole rows follow each other: some bytes ahead. Else
  // where the stream goes on after the piece: with the same piece of the next row, else with the next piece.
  NIBBLE_INLINE const uint8_t* ahead(const MatmulArgs& args, int64_t group, int stream, int k, size_t at, size_t piece_bytes) const {
    if (piece_bytes >= args.row_bytes) return weights(args, group, stream, k) + kAhead;
    if (k < 3) return weights(args, group, stream, k + 1) + at;
    if (at + piece_bytes < args.row_bytes) return weights(args, group, stream, 0) + at + piece_bytes;
    return weights(args, group + 1 < groups() ? group + 1 : group, stream, 0);
  }
  NIBBLE_INLINE void store(const MatmulArgs& args, int64_t group, int column, Isa::F32 sums) const {
    alignas(64) float lanes[kRowGroup];
    Isa::store_f(lanes, sums);
    for (int stream = 0; stream < 4; ++stream) {
      const int64_t row = first(group, stream);
      float* out = args.out + column * args.out_stride + row;
      for (int k = 0; k < 4 && row + k < end; ++k) out[k] = lanes[4 * k + stream];
    }
  }
};

NIBBLE_INLINE void store_rows(const MatmulArgs& args, int64_t row, int column, Isa::F32 sums) {
  float* out = args.out + column * args.out_stride + row;
  if (args.row_end - row >= kRowGroup) Isa::store_f(out, sums);
  else Isa::store_f(out, sums, int(args.row_end - row));
}

// To the first cache (LOCALITY 3) what is read soon, to the second (2) what is read after a panel's worth of work.
template <int LOCALITY = 3>
NIBBLE_INLINE void prefetch(const uint8_t* p, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i, 0, LOCALITY);
}

// 64 values of four rows times NC columns: sums over quarters 0 and 1 belong to the first block, over 2 and 3 to the second.
template <class C, int NC>
NIBBLE_INLINE void block_pair_dot(const typename C::Block* const* a, const typename C::Block* const* b, const int8_t* codes,
                                  int64_t padded, Isa::I32 (*sums)[4], int k) {
  Isa::I32 x[NC][4];
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s) {
    const Isa::U8 w = C::codes(a[s], b[s]);
    for (int c = 0; c < NC; ++c) x[c][s] = dot_codes<C::kSigned>(Isa::set_i(0), w, Isa::load_u8(codes + c * padded));
  }
  for (int c = 0; c < NC; ++c) sums[c][k] = Isa::sum4(x[c]);
}

// Partial sums of 16 KiB: half of a small first-level cache. Shorter rows are not cut.
template <int NC>
constexpr int steps_in_cache() { return 64 / (NC == 3 ? 4 : NC); }

// Formats of 32 values. NC columns.
template <class C, int NC>
void rows_blocks(const MatmulArgs& args) {
  using Block = typename C::Block;
  constexpr int kSteps = steps_in_cache<NC>();  // of 64 values
  constexpr int kZero = zero_point<C>();
  const int64_t blocks = args.length / 32, padded = args.q.padded_length;
  alignas(64) Isa::I32 sums[kSteps][NC][4];
  alignas(64) uint16_t scale_bits[2 * kSteps][kRowGroup];
  alignas(64) uint16_t min_bits[2 * kSteps][kRowGroup];
  static constexpr Block kNoBlock{};
  const RowStreams streams(args);
  for (int64_t group = 0; group < streams.groups(); ++group) {
    Isa::F32 total[NC];
    for (int c = 0; c < NC; ++c) total[c] = Isa::set_f(0);
    for (int64_t first = 0; first < blocks; first += 2 * kSteps) {
      const int count = int(blocks - first < 2 * kSteps ? blocks - first : 2 * kSteps);
      const int8_t* codes = args.q.codes + first * 32;
      for (int k = 0; k < 4; ++k) {
        const Block *a[4], *b[4];
        const uint8_t* ahead[4];
        for (int s = 0; s < 4; ++s) {
          a[s] = reinterpret_cast<const Block*>(streams.weights(args, group, s, k)) + first;
          ahead[s] = streams.ahead(args, group, s, k, size_t(first) * sizeof(Block), 2 * kSteps * sizeof(Block));
        }
        for (int i = 0; i < count; i += 2) {
#pragma GCC unroll 4
          for (int s = 0; s < 4; ++s) {
            prefetch(ahead[s] + size_t(i) * sizeof(Block), 2 * sizeof(Block));
            b[s] = i + 1 < count ? a[s] + 1 : &kNoBlock;
            scale_bits[i][4 * k + s] = C::scale_bits(a[s]), scale_bits[i + 1][4 * k + s] = C::scale_bits(b[s]);
            if constexpr (C::kHasMin) min_bits[i][4 * k + s] = C::min_bits(a[s]), min_bits[i + 1][4 * k + s] = C::min_bits(b[s]);
          }
          block_pair_dot<C, NC>(a, b, codes + 32 * i, padded, sums[i / 2], k);
          for (int s = 0; s < 4; ++s) a[s] += 2;
        }
      }
      for (int i = 0; i < count; i += 2) {
        for (int c = 0; c < NC; ++c) {
          Isa::I32 half[2];
          Isa::merge_halves(sums[i / 2][c], half[0], half[1]);
          for (int k = 0; k < 2 && i + k < count; ++k) {
            const int64_t block = c * (padded / 32) + first + i + k;
            // The zero point of all 32 codes at once.
            if constexpr (kZero != 0) half[k] = Isa::add(half[k], Isa::set_i(-kZero * args.q.sums32[block]));
            const Isa::F32 activation_scale = Isa::set_f(args.q.scales[block]);
            const Isa::F32 scale = Isa::mul(C::load_scales(scale_bits[i + k]), activation_scale);
            total[c] = Isa::fma(Isa::to_float(half[k]), scale, total[c]);
            if constexpr (C::kHasMin) {
              const Isa::F32 min = Isa::mul(C::load_scales(min_bits[i + k]), activation_scale);
              total[c] = Isa::fma(Isa::set_f(float(args.q.sums32[block])), min, total[c]);
            }
          }
        }
      }
    }
    for (int c = 0; c < NC; ++c) streams.store(args, group, c, total[c]);
  }
}

// For superblocks below `count`, or a few more: min_sums[i][r] = sum over the sub-blocks of superblock i of mins[r] * activation sums.
template <int SUBS, int PIECE>
NIBBLE_INLINE void reduce_mins(const uint8_t (*mins)[PIECE * SUBS], int count, const int16_t* sums, int32_t (*min_sums)[kRowGroup]) {
  constexpr int kPerVector = 32 / SUBS;  // superblocks whose minima fill one vector of 32 int16
  for (int i = 0; i < count; i += kPerVector) {
    const Isa::I32 activation = Isa::load_i(reinterpret_cast<const int32_t*>(sums + i * SUBS));
    Isa::I32 products[kRowGroup], fours[4], out[4];
    for (int r = 0; r < kRowGroup; ++r)
      products[r] = Isa::dot_pairs(Isa::set_i(0), Isa::widen_u8_pairs(mins[r] + i * SUBS), activation);
    for (int k = 0; k < 4; ++k) fours[k] = Isa::sum4(products + 4 * k);
    if constexpr (SUBS == 8) Isa::merge_quarters(fours, out);
    else Isa::merge_halves(fours, out[0], out[1]);
    for (int k = 0; k < kPerVector; ++k) Isa::store_i(min_sums[i + k], out[k]);
  }
}

template <class C>
constexpr bool is_wide() {
  if constexpr (requires { C::kWide; }) return C::kWide;
  return false;
}

// One superblock times NC columns: integer sums over the lanes.
template <class C, int NC, int STEP = 0>
NIBBLE_INLINE void superblock_dot(const typename C::Block* b, Isa::I32 scales, const int8_t* codes, const int32_t* corrections,
                                  int64_t padded, Isa::I32* sums) {
  const Isa::U8 w = C::template codes<STEP>(b);
  Isa::I32 scale = scales;
  if constexpr (C::kSubs == 8) scale = Isa::spread2<STEP>(scales);
  if constexpr (C::kSubs == 16) scale = Isa::spread4<STEP>(scales);
  for (int c = 0; c < NC; ++c) {
    const int64_t at = c * padded + 64 * STEP;
    const Isa::I32 start = zero_point<C>() ? Isa::load_i(corrections + at / 4) : Isa::set_i(0);
    const Isa::I32 x = dot_codes<C::kSigned>(start, w, Isa::load_u8(codes + at));
    if constexpr (C::kSubs == 1) sums[c] = Isa::add(sums[c], x);
    else if constexpr (is_wide<C>()) sums[c] = Isa::add(sums[c], Isa::mul(x, scale));
    else sums[c] = Isa::dot_pairs(sums[c], x, scale);  // the high halves of `scale` are zero
  }
  if constexpr (STEP < 3) superblock_dot<C, NC, STEP + 1>(b, scales, codes, corrections, padded, sums);
}

// Superblocks of 256 values with integer sub-scales. NC columns.
template <class C, int NC>
void rows_superblocks(const MatmulArgs& args) {
  using Block = typename C::Block;
  constexpr int kPiece = steps_in_cache<NC>();  // superblocks
  constexpr int kZero = zero_point<C>();
  constexpr int kSubs = C::kSubs;
  const int64_t superblocks = args.length / 256, padded = args.q.padded_length;
  int32_t* corrections = reinterpret_cast<int32_t*>(args.scratch);
  if (kZero != 0 && !args.scratch_filled) fill_corrections4(args, kZero, corrections);
  alignas(64) Isa::I32 sums[kPiece][NC][4];
  alignas(64) uint16_t scale_bits[kPiece][kRowGroup], min_bits[kPiece][kRowGroup];
  alignas(64) uint8_t mins[kRowGroup][kPiece * kSubs];
  const RowStreams streams(args);
  for (int64_t group = 0; group < streams.groups(); ++group) {
    Isa::F32 total[NC];
    for (int c = 0; c < NC; ++c) total[c] = Isa::set_f(0);
    for (int64_t first = 0; first < superblocks; first += kPiece) {
      const int count = int(superblocks - first < kPiece ? superblocks - first : kPiece);
      for (int k = 0; k < 4; ++k) {
        const Block* rows[4];
        const uint8_t* ahead[4];
        for (int s = 0; s < 4; ++s) {
          rows[s] = reinterpret_cast<const Block*>(streams.weights(args, group, s, k)) + first;
          ahead[s] = streams.ahead(args, group, s, k, size_t(first) * sizeof(Block), kPiece * sizeof(Block));
        }
        for (int i = 0; i < count; ++i) {
          const int64_t at = (first + i) * 256;
          Isa::I32 four[NC][4];
#pragma GCC unroll 4
          for (int s = 0; s < 4; ++s) {
            const Block* b = rows[s] + i;
            const int r = 4 * k + s;
            prefetch(ahead[s] + size_t(i) * sizeof(Block), sizeof(Block));
            Isa::I32 scales = Isa::set_i(1);
            if constexpr (kSubs > 1) scales = C::sub_scales(b, mins[r] + i * kSubs);
            if constexpr (kSubs > 1 && !is_wide<C>()) scales = Isa::low_halves(scales);
            Isa::I32 acc[NC];
            for (int c = 0; c < NC; ++c) acc[c] = Isa::set_i(0);
            superblock_dot<C, NC>(b, scales, args.q.codes + at, corrections + at / 4, padded, acc);
            for (int c = 0; c < NC; ++c) four[c][s] = acc[c];
            scale_bits[i][r] = C::scale_bits(b);
            if constexpr (C::kHasMin) min_bits[i][r] = C::min_bits(b);
          }
          for (int c = 0; c < NC; ++c) sums[i][c][k] = Isa::sum4(four[c]);
        }
      }
      if constexpr (C::kHasMin)
        for (int r = 0; r < kRowGroup; ++r)  // to a whole vector
          for (int i = count * kSubs; i % 32 != 0; ++i) mins[r][i] = 0;
      for (int c = 0; c < NC; ++c) {
        alignas(64) int32_t min_sums[kPiece][kRowGroup];
        if constexpr (C::kHasMin) {
          const int16_t* activation_sums =
              (kSubs == 8 ? args.q.sums32 : args.q.sums16) + c * (padded * kSubs / 256) + first * kSubs;
          reduce_mins<kSubs, kPiece>(mins, count, activation_sums, min_sums);
        }
        for (int i = 0; i < count; ++i) {
          const Isa::F32 activation_scale = Isa::set_f(args.q.scales[c * (padded / 32) + first + i]);
          const Isa::F32 scale = Isa::mul(C::load_scales(scale_bits[i]), activation_scale);
          total[c] = Isa::fma(Isa::to_float(Isa::merge(sums[i][c])), scale, total[c]);
          if constexpr (C::kHasMin) {
            const Isa::F32 min = Isa::mul(C::load_scales(min_bits[i]), activation_scale);
            total[c] = Isa::fma(Isa::to_float(Isa::load_i(min_sums[i])), Isa::sub(Isa::set_f(0), min), total[c]);
          }
        }
      }
    }
    for (int c = 0; c < NC; ++c) streams.store(args, group, c, total[c]);
  }
}

// Ternary rows: one integer sum over the whole row, then one scale.
template <class C, int NC>
void rows_ternary(const MatmulArgs& args) {
  using Block = typename C::Block;
  const int64_t blocks = args.length / 128, padded = args.q.padded_length;
  int32_t corrections[NC];
  for (int c = 0; c < NC; ++c) {
    corrections[c] = 0;
    for (int64_t i = 0; i < args.length / 32; ++i) corrections[c] -= C::kZero * args.q.sums32[c * (padded / 32) + i];
  }
  const RowStreams streams(args);
  for (int64_t group = 0; group < streams.groups(); ++group) {
    Isa::I32 sums[NC][4];
    for (int k = 0; k < 4; ++k) {
      const Block* rows[4];
      for (int s = 0; s < 4; ++s) rows[s] = reinterpret_cast<const Block*>(streams.weights(args, group, s, k));
      Isa::I32 acc[NC][4];
      for (int c = 0; c < NC; ++c) for (int s = 0; s < 4; ++s) acc[c][s] = Isa::set_i(0);
      for (int64_t i = 0; i < blocks; ++i) {
        for (int s = 0; s < 4; ++s) {
          const Block* b = rows[s] + i;
          if (i % 2 == 0) prefetch(reinterpret_cast<const uint8_t*>(b) + kAhead, 64);
          const Isa::U8 low = C::template codes<0>(b), high = C::template codes<1>(b);
          for (int c = 0; c < NC; ++c) {
            const int8_t* a = args.q.codes + c * padded + i * 128;
            acc[c][s] = Isa::dot_u7(Isa::dot_u7(acc[c][s], low, Isa::load_u8(a)), high, Isa::load_u8(a + 64));
          }
        }
      }
      for (int c = 0; c < NC; ++c) sums[c][k] = Isa::sum4(acc[c]);
    }
    for (int c = 0; c < NC; ++c) {
      const Isa::I32 sum = Isa::add(Isa::merge(sums[c]), Isa::set_i(corrections[c]));
      const Isa::F32 scale = Isa::set_f(args.q.scales[c * (padded / 32)] * args.tensor_scale);
      streams.store(args, group, c, Isa::mul(Isa::to_float(sum), scale));
    }
  }
}

}  // namespace
}  // namespace nibble
