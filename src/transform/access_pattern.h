// What comes next, told from what was asked for: layers in equal steps, around the ends, and of each layer
// the tensors that were asked for of the one before.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "formats/tensor_view.h"

namespace nibble {

// Not thread-safe. Tensors by their index; those named "blk.<layer>.*" belong to a layer. The names must
// outlive it.
class AccessPattern {
 public:
  explicit AccessPattern(std::span<const TensorView> tensors);

  // Tensors asked for together, of one layer or of none. True when expected() has changed.
  bool note(std::span<const size_t> asked);
  // What is still expected of the layer asked for last, then what of the layer after it, once a step has come
  // twice. In file order.
  std::vector<size_t> expected() const;
  // In file order; empty: no such layer.
  std::span<const size_t> layer(int number) const;

 private:
  using Layers = std::map<int, std::vector<size_t>>;
  struct Place {
    std::optional<int> layer;
    std::string_view part;  // of the name, behind "blk.<layer>."
  };
  int following(int layer) const;
  std::vector<Place> places_;
  Layers layers_;
  std::optional<int> last_;
  int step_ = 1;
  bool steady_ = true;
  std::set<std::string_view> asked_, before_;  // parts asked for of the last layer, and of the one before it
};

}  // namespace nibble
