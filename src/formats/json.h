// JSON (RFC 8259), reading, for the files that stand beside a model's weights. A text becomes one flat list
// of nodes; strings are views of the document's own copy of the text, unescaped in place. Strict: no
// comments, no NaN, valid UTF-8, no key twice in an object. Depth and number of nodes are limited, so time
// and memory are linear in the text.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nibble {

inline constexpr int kJsonMaxDepth = 64;
inline constexpr size_t kJsonMaxNodes = size_t(1) << 26;
inline constexpr size_t kJsonMaxBytes = size_t(1) << 30;

enum class JsonKind : uint8_t { kAbsent, kNull, kBool, kInteger, kReal, kString, kArray, kObject };
std::string_view json_kind_name(JsonKind kind);  // "a string", "nothing", ...

struct JsonNode {
  JsonKind kind = JsonKind::kAbsent;
  uint32_t next = 0;     // the node after this one and all that it holds
  uint32_t count = 0;    // bytes of a string, elements of an array, members of an object
  uint64_t payload = 0;  // bits of a number or bool; where a string starts
};

// A handle to a value of a document, which must outlive it. What is asked of a value that is not there, or of
// another kind, is absent too: config["rope_scaling"]["factor"].as_double().
class JsonValue {
 public:
  JsonValue() = default;
  JsonKind kind() const { return node_ ? node_->kind : JsonKind::kAbsent; }
  bool exists() const { return node_ != nullptr; }
  // Neither absent nor null.
  bool has_value() const { return exists() && kind() != JsonKind::kNull; }
  bool is_array() const { return kind() == JsonKind::kArray; }
  bool is_object() const { return kind() == JsonKind::kObject; }
  std::optional<bool> as_bool() const;
  std::optional<int64_t> as_int() const;    // integers that fit
  std::optional<double> as_double() const;  // any number
  std::optional<std::string_view> as_string() const;
  // Elements of an array or members of an object; 0 for anything else.
  size_t size() const { return is_array() || is_object() ? node_->count : 0; }
  // Linear in the members.
  JsonValue operator[](std::string_view key) const;

  // for (const JsonValue element : array.elements()), for (const auto [key, value] : object.members())
  struct Member;
  template <bool kMembers>
  class Iterator;
  template <bool kMembers>
  struct Range;
  Range<false> elements() const;
  Range<true> members() const;

 private:
  friend class JsonDocument;
  JsonValue(const JsonNode* nodes, const char* text, uint32_t index)
      : node_(nodes + index), nodes_(nodes), text_(text) {}
  const JsonNode* node_ = nullptr;
  const JsonNode* nodes_ = nullptr;
  const char* text_ = nullptr;
};

struct JsonValue::Member {
  std::string_view key;
  JsonValue value;
};

template <bool kMembers>
class JsonValue::Iterator {
 public:
  Iterator(JsonValue parent, uint32_t at) : parent_(parent), at_(at) {}
  auto operator*() const {
    if constexpr (kMembers)
      return Member{*value(at_).as_string(), value(at_ + 1)};
    else
      return value(at_);
  }
  Iterator& operator++() {
    at_ = parent_.nodes_[kMembers ? at_ + 1 : at_].next;
    return *this;
  }
  bool operator==(const Iterator& other) const { return at_ == other.at_; }

 private:
  JsonValue value(uint32_t index) const { return {parent_.nodes_, parent_.text_, index}; }
  JsonValue parent_;
  uint32_t at_;
};

template <bool kMembers>
struct JsonValue::Range {
  Iterator<kMembers> first, last;
  Iterator<kMembers> begin() const { return first; }
  Iterator<kMembers> end() const { return last; }
};

class JsonDocument {
 public:
  // `name` stands in messages, with the byte where reading stopped. Errors: kBadFile, kLimit.
  static Result<JsonDocument> parse(std::string text, std::string_view name);
  // A regular file of at most `max_bytes`.
  static Result<JsonDocument> open(const std::string& path, size_t max_bytes);
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();
  JsonValue root() const;

 private:
  struct State;
  explicit JsonDocument(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nibble
