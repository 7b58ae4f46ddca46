// F32, F16 and BF16 weights: 16 virtual lanes along K, one chain of fma per lane, one fixed tree at the end.
#pragma once
#include "kernels/algo/tiles.inl.h"
#include "kernels/kernels.h"

namespace nibble {
namespace {

template <FormatId ID>
struct FloatWeights;
template <>
struct FloatWeights<FormatId::kF32> {
  using Element = float;
  template <class... N> static NIBBLE_INLINE Isa::F32 load(const float* p, N... n) { return Isa::load_f(p, n...); }
};
template <>
struct FloatWeights<FormatId::kF16> {
  using Element = uint16_t;
  template <class... N> static NIBBLE_INLINE Isa::F32 load(const uint16_t* p, N... n) { return Isa::load_half(p, n...); }
};
template <>
struct FloatWeights<FormatId::kBF16> {
  using Element = uint16_t;
  template <class... N> static NIBBLE_INLINE Isa::F32 load(const uint16_t* p, N... n) { return Isa::load_bf16(p, n...); }
};

// 16 values at k, or the last `rest` ones.
template <class W, int NR, int NC, class... Rest>
NIBBLE_INLINE void step_float(const typename W::Element* const* w, const float* x, int64_t x_stride, int64_t k, Isa::F32 (*acc)[NC],
                              Rest... rest) {
  Isa::F32 weights[NR];
  for (int r = 0; r < NR; ++r) weights[r] = W::load(w[r] + k, rest...);
#pragma GCC unroll 8
  for (int c = 0; c < NC; ++c) {
    const Isa::F32 v = Isa::load_f(x + c * x_stride + k, rest...);
#pragma GCC unroll 8
    for (int r = 0; r < NR; ++r) acc[r][c] = Isa::fma(weights[r], v, acc[r][c]);
  }
}

// Row `index` of each of NR streams of `part` rows, times NC columns. Streams go on from row to row: memory delivers several at once
// faster than one. Only the first columns bring them in.
template <class W, int NR, int NC>
NIBBLE_INLINE void tile_float(const MatmulArgs& args, int64_t part, int64_t index, int column, bool first) {
  using Element = typename W::Element;
  constexpr int64_t kLine = 64 / sizeof(Element);
  const Element* w[NR];
  for (int r = 0; r < NR; ++r) {
    const int64_t row = args.row_begin + r * part + index;
    w[r] = reinterpret_cast<const Element*>(args.weights + size_t(row < args.row_end ? row : args.row_end - 1) * args.row_bytes);
  }
  const float* x = args.x + column * args.x_stride;
  Isa::F32 acc[NR][NC];
  for (int r = 0; r < NR; ++r) for (int c = 0; c < NC; ++c) acc[r][c] = Isa::set_f(0);
  int64_t k = 0;
  for (; k + kLine <= args.length; k += kLine) {
    if (first)
      for (int r = 0; r < NR; ++r) __builtin_prefetch(reinterpret_cast<const uint8_t*>(w[r] + k) + kAhead, 0, 2);
#pragma GCC unroll 2
    for (int64_t j = 0; j < kLine; j += 16) step_float<W, NR, NC>(w, x, args.x_stride, k + j, acc);
  }
  for (; k + 16 <= args.length; k += 16) step_float<W, NR, NC>(w, x, args.x_stride, k, acc);
  if (const int rest = int(args.length - k)) step_float<W, NR, NC>(w, x, args.x_stride, k, acc, rest);
  for (int r = 0; r < NR; ++r) {
    const int64_t row = args.row_begin + r * part + index;
    if (row >= args.row_end) break;
    for (int c = 0; c < NC; ++c) args.out[(column + c) * args.out_stride + row] = Isa::reduce_add(acc[r][c]);
  }
}

template <class W, int NR, int MAX_COLUMNS>
void rows_float(const MatmulArgs& args) {
  constexpr int64_t kCached = 128 << 10;  // activations that stay in the second cache while all rows pass
  const int64_t part = (args.row_end - args.row_begin + NR - 1) / NR;
  const int64_t fitting = kCached / args.length / MAX_COLUMNS * MAX_COLUMNS;
  const int block = fitting < MAX_COLUMNS ? MAX_COLUMNS : int(fitting);
  for (int begin = 0; begin < args.columns; begin += block) {
    const int count = args.columns - begin < block ? args.columns - begin : block;
    for (int64_t index = 0; index < part; ++index)
      for_column_tiles<MAX_COLUMNS>(
          count, [&]<int NC>(int column) { tile_float<W, NR, NC>(args, part, index, begin + column, column == 0); });
  }
}

template <class W>
void matmul_float(const MatmulArgs& args) {
  if (args.columns == 1) rows_float<W, 4, 1>(args);
  else rows_float<W, Isa::kFloatRows, Isa::kFloatColumns>(args);
}

}  // namespace
}  // namespace nibble
