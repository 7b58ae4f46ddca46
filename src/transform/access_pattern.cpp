#include "transform/access_pattern.h"

#include <charconv>

namespace nibble {
namespace {

std::optional<int> layer_of(std::string_view name) {
  if (!name.starts_with("blk.")) return std::nullopt;
  int layer = 0;
  const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.' || layer < 0)
    return std::nullopt;
  return layer;
}

}  // namespace

AccessPattern::AccessPattern(std::span<const TensorView> tensors) : places_(tensors.size()) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::string_view name = tensors[i].name;
    const auto layer = layer_of(name);
    if (!layer) continue;
    places_[i] = {layer, name.substr(name.find('.', 4) + 1)};
    layers_[*layer].push_back(i);
  }
}

std::span<const size_t> AccessPattern::layer(int number) const {
  const auto found = layers_.find(number);
  return found == layers_.end() ? std::span<const size_t>() : found->second;
}

int AccessPattern::following(int layer) const {
  const int64_t count = int64_t(layers_.size());
  return int(((int64_t(layer) + step_) % count + count) % count);
}

bool AccessPattern::note(std::span<const size_t> asked) {
  const auto layer = asked.empty() ? std::nullopt : places_[asked[0]].layer;
  if (!layer) return false;
  const bool entered = layer != last_;
  if (entered) {
    if (last_) {
      steady_ = *layer == following(*last_);
      if (!steady_) step_ = *layer - *last_;
    }
    last_ = layer;
    before_ = std::exchange(asked_, {});
  }
  for (const size_t index : asked) asked_.insert(places_[index].part);
  return entered;
}

std::vector<size_t> AccessPattern::expected() const {
  std::vector<size_t> indices;
  if (!last_) return indices;
  for (const size_t index : layer(*last_))
    if (before_.contains(places_[index].part) && !asked_.contains(places_[index].part))
      indices.push_back(index);
  if (!steady_ || following(*last_) == *last_) return indices;
  for (const size_t index : layer(following(*last_)))
    if (before_.contains(places_[index].part) || asked_.contains(places_[index].part))
      indices.push_back(index);
  return indices;
}

}  // namespace nibble
