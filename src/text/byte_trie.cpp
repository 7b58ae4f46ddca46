#include "text/byte_trie.h"

#include <random>

namespace nibble {

ByteTrie::ByteTrie() : edges_(64), values_(1, kNoToken) {
  first_.fill(kNone);
  std::random_device device;
  multiplier_ = (uint64_t(device()) << 32 | device()) | 1;
}

void ByteTrie::insert(std::string_view text, TokenId value) {
  if (text.empty()) return;
  uint32_t node = kRoot;
  for (const char byte : text) {
    uint32_t child = next(node, uint8_t(byte));
    if (child == kNone) {
      child = uint32_t(values_.size());
      values_.push_back(kNoToken);
      if (node == kRoot) {
        first_[uint8_t(byte)] = child;
      } else {
        if ((used_ + 1) * 2 > edges_.size()) grow();
        const uint64_t key = uint64_t(node) << 8 | uint8_t(byte);
        size_t i = home(key);
        while (edges_[i].key != 0) i = (i + 1) & (edges_.size() - 1);
        edges_[i] = {key, child};
        ++used_;
      }
    }
    node = child;
  }
  if (values_[node] == kNoToken) values_[node] = value;
}

void ByteTrie::grow() {
  std::vector<Edge> old(edges_.size() * 2);
  old.swap(edges_);
  for (const Edge& edge : old) {
    if (edge.key == 0) continue;
    size_t i = home(edge.key);
    while (edges_[i].key != 0) i = (i + 1) & (edges_.size() - 1);
    edges_[i] = edge;
  }
}

}  // namespace nibble
