// A trie over bytes whose edges live in one hash table: prefix matches of tokens without recursion.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace nibble {

class ByteTrie {
 public:
  static constexpr uint32_t kRoot = 0, kNone = 0xFFFFFFFF;

  ByteTrie();
  // The first value of a text stays. Empty texts are left out.
  void insert(std::string_view text, TokenId value);
  uint32_t next(uint32_t node, uint8_t byte) const {
    if (node == kRoot) return first_[byte];
    const uint64_t key = uint64_t(node) << 8 | byte;
    for (size_t i = home(key);; i = (i + 1) & (edges_.size() - 1)) {
      if (edges_[i].key == key) return edges_[i].node;
      if (edges_[i].key == 0) return kNone;
    }
  }
  TokenId value(uint32_t node) const { return values_[node]; }
  bool empty() const { return values_.size() == 1; }

  struct Match {
    TokenId value = kNoToken;
    size_t length = 0;
  };
  // The longest text of the trie that text.substr(at) starts with; `node`: where the search starts.
  Match longest(std::string_view text, size_t at, uint32_t node = kRoot) const {
    Match match;
    for (size_t i = at; i < text.size(); ++i) {
      node = next(node, uint8_t(text[i]));
      if (node == kNone) break;
      if (values_[node] != kNoToken) match = {values_[node], i + 1 - at};
    }
    return match;
  }

 private:
  struct Edge {
    uint64_t key = 0;  // node << 8 | byte; 0: empty (the root's edges are not here)
    uint32_t node = kNone;
  };
  size_t home(uint64_t key) const {
    const uint64_t mixed = key * multiplier_;
    return (mixed ^ (mixed >> 32)) & (edges_.size() - 1);
  }
  void grow();

  std::array<uint32_t, 256> first_;
  std::vector<Edge> edges_;  // a power of two, at most half full
  std::vector<TokenId> values_;
  size_t used_ = 0;
  uint64_t multiplier_;  // odd, drawn per trie: no vocabulary can be written to collide
};

}  // namespace nibble
