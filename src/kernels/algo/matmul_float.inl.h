// F32, F16 and BF16 weights: 16 virtual lanes along K, one chain of fma per lane, one fixed tree at the end.
#pragma once
#include "kernels/isa/vocabulary.h"
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

// NR rows times NC columns.
template <class W, int NR, int NC>
NIBBLE_INLINE void tile_float(const MatmulArgs& args, int64_t row, int column) {
  const typename W::Element* w[NR];
  for (int r = 0; r < NR; ++r) {
    const int64_t clamped = row + r < args.row_end ? row + r : args.row_end - 1;
    w[r] = reinterpret_cast<const typename W::Element*>(args.weights + size_t(clamped) * args.row_bytes);
  }
  const float* x = args.x + column * args.x_stride;
  Isa::F32 acc[NR][NC];
  for (int r = 0; r < NR; ++r) for (int c = 0; c < NC; ++c) acc[r][c] = Isa::set_f(0);
  int64_t k = 0;
  for (; k + 16 <= args.length; k += 16) {
    Isa::F32 weights[NR];
    for (int r = 0; r < NR; ++r) {
      weights[r] = W::load(w[r] + k);
      if constexpr (NC == 1) __builtin_prefetch(w[r] + k + NR * args.length, 0, 2);
    }
#pragma GCC unroll 8
    for (int c = 0; c < NC; ++c) {
      const Isa::F32 v = Isa::load_f(x + c * args.x_stride + k);
#pragma GCC unroll 8
      for (int r = 0; r < NR; ++r) acc[r][c] = Isa::fma(weights[r], v, acc[r][c]);
    }
  }
  if (const int rest = int(args.length - k)) {
    for (int c = 0; c < NC; ++c) {
      const Isa::F32 v = Isa::load_f(x + c * args.x_stride + k, rest);
      for (int r = 0; r < NR; ++r) acc[r][c] = Isa::fma(W::load(w[r] + k, rest), v, acc[r][c]);
    }
  }
  for (int c = 0; c < NC; ++c)
    for (int r = 0; r < NR && row + r < args.row_end; ++r)
      args.out[(column + c) * args.out_stride + row + r] = Isa::reduce_add(acc[r][c]);
}

template <class W>
void matmul_float(const MatmulArgs& args) {
  constexpr int kRows = Isa::kFloatRows, kColumns = Isa::kFloatColumns;
  for (int64_t row = args.row_begin; row < args.row_end; row += kRows) {
    int c = 0;
    for (; c + kColumns <= args.columns; c += kColumns) tile_float<W, kRows, kColumns>(args, row, c);
    for (; c < args.columns; ++c) tile_float<W, kRows, 1>(args, row, c);
  }
}

}  // namespace
}  // namespace nibble
