// The values a chat template computes with: JSON (dicts keep their order), undefined, namespaces and
// callables. Everything but a namespace is immutable once built and shared by reference, so copying a Value
// is cheap, a ChatInput may be used by several threads at once, and "the same list" is an identity that ==
// can compare.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace nibble::jinja {

class Value;
struct Namespace;  // mutable attributes; made by namespace() only
struct Callable;   // functions, methods and macros; made by the interpreter only

using List = std::vector<Value>;

// String keys in order of first insertion; setting a present key keeps its place. Lookups are O(1) for large
// dicts.
class Dict {
 public:
  using Entry = std::pair<std::string, Value>;

  Dict() = default;
  Dict(std::initializer_list<Entry> entries);

  const Value* find(std::string_view key) const;  // null when absent; valid until the next set()
  void set(std::string key, Value value);
  void clear();

  const std::vector<Entry>& entries() const { return entries_; }
  size_t size() const;
  bool empty() const { return size() == 0; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  static constexpr size_t kIndexFrom = 16;  // a linear search is faster below

  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> index_;
};

class Value {
 public:
  enum class Kind : uint8_t {
    kUndefined,
    kNone,
    kBool,
    kInteger,
    kFloat,
    kString,
    kList,
    kDict,
    kNamespace,
    kCallable
  };

  Value() = default;  // undefined: a variable that was never given
  Value(std::nullptr_t) : data_(None{}) {}
  template <class T>
  requires std::is_same_v<T, bool> Value(T flag) : data_(flag) {}
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) Value(T integer)
      : data_(static_cast<int64_t>(integer)) {}
  Value(double number) : data_(number) {}
  Value(std::string text) : data_(std::make_shared<const std::string>(std::move(text))) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(List items);
  Value(Dict dict);
  Value(std::shared_ptr<Namespace> space) : data_(std::move(space)) {}
  Value(std::shared_ptr<const Callable> callable) : data_(std::move(callable)) {}

  // A JSON number. Whole ones become integers ("1.0" renders as 1), as in the reference implementation.
  static Value number(double number);

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is(Kind kind_wanted) const { return kind() == kind_wanted; }
  bool is_undefined() const { return is(Kind::kUndefined); }
  bool is_none() const { return is(Kind::kNone); }
  bool is_bool() const { return is(Kind::kBool); }
  bool is_integer() const { return is(Kind::kInteger); }
  bool is_float() const { return is(Kind::kFloat); }
  bool is_number() const { return is_integer() || is_float(); }
  bool is_string() const { return is(Kind::kString); }
  bool is_list() const { return is(Kind::kList); }
  bool is_dict() const { return is(Kind::kDict); }
  bool is_namespace() const { return is(Kind::kNamespace); }
  bool is_callable() const { return is(Kind::kCallable); }

  // Each needs the kind it names.
  bool as_bool() const { return std::get<bool>(data_); }
  int64_t as_integer() const { return std::get<int64_t>(data_); }
  double as_float() const { return std::get<double>(data_); }
  const std::string& as_string() const { return *std::get<SharedString>(data_); }
  const List& as_list() const { return std::get<SharedList>(data_)->items; }
  const Dict& as_dict() const { return std::get<SharedDict>(data_)->dict; }
  Namespace& as_namespace() const { return *std::get<std::shared_ptr<Namespace>>(data_); }
  const Callable& as_callable() const { return *std::get<std::shared_ptr<const Callable>>(data_); }

  // Address of the shared list, dict, namespace or callable; null for plain values. Equal addresses are one
  // object.
  const void* identity() const;
  // Levels of nesting: 0 for plain values and callables, 1 for [], 2 for [[]].
  uint32_t depth() const;
  // "undefined", "none", "boolean", "integer", "float", "string", "list", "dict", "namespace", "callable".
  std::string_view kind_name() const;

 private:
  struct None {};
  struct ListNode {
    List items;
    uint32_t depth = 1;
  };
  struct DictNode {
    Dict dict;
    uint32_t depth = 1;
  };
  using SharedString = std::shared_ptr<const std::string>;
  using SharedList = std::shared_ptr<const ListNode>;
  using SharedDict = std::shared_ptr<const DictNode>;

  std::variant<std::monostate, None, bool, int64_t, double, SharedString, SharedList, SharedDict,
               std::shared_ptr<Namespace>, std::shared_ptr<const Callable>>
      data_;
};

struct Namespace {
  Dict attributes;
  uint32_t depth = 1;  // never shrinks; see Value::depth
};

inline size_t Dict::size() const { return entries_.size(); }

}  // namespace nibble::jinja
