// Which algorithm a format uses: by its activations and the number of columns. All paths of a format give the same bits.
#pragma once
#include "kernels/algo/matmul_float.inl.h"
#include "kernels/algo/matmul_panel.inl.h"
#if defined(NIBBLE_ISA_TILES)
#include "kernels/algo/matmul_tiles_few.inl.h"
#endif

namespace nibble {
namespace {

// Calls body<NC>() for the constant that equals `columns`, at most kMaxRowColumns.
template <class Body>
NIBBLE_INLINE void with_columns(int columns, const Body& body) {
  switch (columns) {
    case 1: return body.template operator()<1>();
    case 2: if constexpr (kMaxRowColumns >= 2) return body.template operator()<2>(); break;
    case 3: if constexpr (kMaxRowColumns >= 3) return body.template operator()<3>(); break;
    case 4: if constexpr (kMaxRowColumns >= 4) return body.template operator()<4>(); break;
    default: return;
  }
}

// Where one way of multiplying gives way to the next: measured (docs/performance.md, bench/crossover_bench.cpp).
#if defined(NIBBLE_ISA_TILES)
constexpr int most_row_columns(FormatId id) {
  const bool fewer = kFormats[format_index(id)].activation == ActivationKind::kPer32 || id == FormatId::kIQ4_XS;
  return fewer ? 3 : kMaxRowColumns;
}
constexpr int least_tile_columns(FormatId id) {
  if (id == FormatId::kTQ2_0) return 3;
  const ActivationKind kind = kFormats[format_index(id)].activation;
  return kind == ActivationKind::kPer32 ? 12 : kind == ActivationKind::kPer256 ? 8 : 4;
}

template <ActivationKind KIND, class C>
NIBBLE_INLINE void matmul_tiles(const MatmulArgs& args) {
  if constexpr (KIND == ActivationKind::kPer32) tiles_blocks<C>(args);
  else if constexpr (KIND == ActivationKind::kPer256) {
    if (args.columns <= 16) tiles_few<C, 1>(args);
    else if (args.columns <= 32) tiles_few<C, 2>(args);
    else tiles_superblocks<C>(args);
  } else tiles_ternary<C>(args);
}
#else
constexpr int most_row_columns(FormatId) { return kMaxRowColumns; }
#endif

template <FormatId ID>
void matmul(const MatmulArgs& args) {
  constexpr ActivationKind kKind = kFormats[format_index(ID)].activation;
  if (args.row_begin >= args.row_end || args.columns <= 0) return;
#if defined(NIBBLE_ISA_TILES)
  if constexpr (kKind != ActivationKind::kFloat)
    if (args.columns >= least_tile_columns(ID) || args.interleave) return matmul_tiles<kKind, Codes<ID>>(args);
#endif
  const bool many = args.columns > most_row_columns(ID) || args.interleave;
  if constexpr (kKind == ActivationKind::kFloat) {
    matmul_float<FloatWeights<ID>>(args);
  } else if constexpr (kKind == ActivationKind::kPer32) {
    if (many) panel_blocks<Codes<ID>>(args);
    else with_columns(args.columns, [&]<int NC>() { rows_blocks<Codes<ID>, NC>(args); });
  } else if constexpr (kKind == ActivationKind::kPer256) {
    if (many) panel_superblocks<Codes<ID>>(args);
    else with_columns(args.columns, [&]<int NC>() { rows_superblocks<Codes<ID>, NC>(args); });
  } else {
    if (many) panel_ternary<Codes<ID>>(args);
    else with_columns(args.columns, [&]<int NC>() { rows_ternary<Codes<ID>, NC>(args); });
  }
}

template <FormatId ID>
concept HasKernel = kFormats[format_index(ID)].activation == ActivationKind::kFloat || requires { typename Codes<ID>::Block; };

using MatmulFunction = void (*)(const MatmulArgs&);
template <FormatId ID>
constexpr MatmulFunction matmul_of() {
  if constexpr (HasKernel<ID>) return matmul<ID>;
  return nullptr;
}

}  // namespace
}  // namespace nibble

// One entry per row of kFormats, in its order (checked below).
#define NIBBLE_MATMULS                                                                                                   \
  { matmul_of<kFormats[0].id>(), matmul_of<kFormats[1].id>(), matmul_of<kFormats[2].id>(), matmul_of<kFormats[3].id>(),  \
    matmul_of<kFormats[4].id>(), matmul_of<kFormats[5].id>(), matmul_of<kFormats[6].id>(), matmul_of<kFormats[7].id>(),  \
    matmul_of<kFormats[8].id>(), matmul_of<kFormats[9].id>(), matmul_of<kFormats[10].id>(),                              \
    matmul_of<kFormats[11].id>(), matmul_of<kFormats[12].id>(), matmul_of<kFormats[13].id>(),                            \
    matmul_of<kFormats[14].id>(), matmul_of<kFormats[15].id>(), matmul_of<kFormats[16].id>(),                            \
    matmul_of<kFormats[17].id>(), matmul_of<kFormats[18].id>(), matmul_of<kFormats[19].id>() }
static_assert(nibble::kFormatCount == 20);
