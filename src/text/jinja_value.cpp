#include "text/jinja_value.h"

#include <algorithm>
#include <cmath>

namespace nibble::jinja {

Dict::Dict(std::initializer_list<Entry> entries) {
  for (const auto& [key, value] : entries) set(key, value);
}

const Value* Dict::find(std::string_view key) const {
  if (index_.empty()) {
    for (const auto& entry : entries_) {
      if (entry.first == key) return &entry.second;
    }
    return nullptr;
  }
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

void Dict::set(std::string key, Value value) {
  if (const Value* present = find(key)) {
    *const_cast<Value*>(present) = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (!index_.empty()) {
    index_.emplace(entries_.back().first, entries_.size() - 1);
  } else if (entries_.size() >= kIndexFrom) {
    for (size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].first, i);
  }
}

void Dict::clear() {
  entries_.clear();
  index_.clear();
}

Value::Value(List items) {
  auto node = std::make_shared<ListNode>();
  for (const Value& item : items) node->depth = std::max(node->depth, item.depth() + 1);
  node->items = std::move(items);
  data_ = SharedList(std::move(node));
}

Value::Value(Dict dict) {
  auto node = std::make_shared<DictNode>();
  for (const auto& entry : dict.entries()) node->depth = std::max(node->depth, entry.second.depth() + 1);
  node->dict = std::move(dict);
  data_ = SharedDict(std::move(node));
}

Value Value::number(double number) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::nearbyint(number) == number && std::abs(number) <= kExact)
    return Value(static_cast<int64_t>(number));
  return Value(number);
}

const void* Value::identity() const {
  switch (kind()) {
    case Kind::kList:
      return std::get<SharedList>(data_).get();
    case Kind::kDict:
      return std::get<SharedDict>(data_).get();
    case Kind::kNamespace:
      return std::get<std::shared_ptr<Namespace>>(data_).get();
    case Kind::kCallable:
      return std::get<std::shared_ptr<const Callable>>(data_).get();
    default:
      return nullptr;
  }
}

uint32_t Value::depth() const {
  switch (kind()) {
    case Kind::kList:
      return std::get<SharedList>(data_)->depth;
    case Kind::kDict:
      return std::get<SharedDict>(data_)->depth;
    case Kind::kNamespace:
      return as_namespace().depth;
    default:
      return 0;
  }
}

std::string_view Value::kind_name() const {
  constexpr std::string_view kNames[] = {"undefined", "none", "boolean", "integer",   "float",
                                         "string",    "list", "dict",    "namespace", "callable"};
  return kNames[static_cast<size_t>(kind())];
}

}  // namespace nibble::jinja
