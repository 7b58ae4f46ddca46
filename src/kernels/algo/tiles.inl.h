// What the matrix products share: columns in tiles, and how far ahead of a stream of weights to prefetch.
#pragma once
#include "kernels/isa/vocabulary.h"

namespace nibble {
namespace {

inline constexpr size_t kAhead = 2048;  // bytes, where a stream simply goes on

// Calls tile<NC>(first column) for all columns, in as few tiles of at most MAX as there must be, of sizes that differ by one at most:
// a small tile waits for its own results.
template <int MAX, class Tile>
NIBBLE_INLINE void for_column_tiles(int columns, const Tile& tile) {
  static_assert(MAX <= 6);
  int tiles = (columns + MAX - 1) / MAX;
  for (int c = 0, size; tiles > 0; c += size, --tiles) {
    size = (columns - c + tiles - 1) / tiles;
    switch (size) {
      case 1: tile.template operator()<1>(c); break;
      case 2: if constexpr (MAX >= 2) tile.template operator()<2>(c); break;
      case 3: if constexpr (MAX >= 3) tile.template operator()<3>(c); break;
      case 4: if constexpr (MAX >= 4) tile.template operator()<4>(c); break;
      case 5: if constexpr (MAX >= 5) tile.template operator()<5>(c); break;
      case 6: if constexpr (MAX >= 6) tile.template operator()<6>(c); break;
      default: break;
    }
  }
}

}  // namespace
}  // namespace nibble
