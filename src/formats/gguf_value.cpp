// Typed access to metadata values.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "formats/gguf_parser.h"

namespace nibble {

namespace {

constexpr struct {
  std::string_view name;
  uint64_t bytes;
} kTypes[] = {{"uint8", 1},  {"int8", 1},    {"uint16", 2}, {"int16", 2},  {"uint32", 4},
              {"int32", 4},  {"float32", 4}, {"bool", 1},   {"string", 0}, {"array", 0},
              {"uint64", 8}, {"int64", 8},   {"float64", 8}};

template <class T>
T load(const std::byte* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

// Calls `use` with the number in its own type; false for what is not an integer.
template <class Use>
bool with_integer(GgufType type, const std::byte* data, Use use) {
  switch (type) {
    case GgufType::kUint8:
      use(load<uint8_t>(data));
      return true;
    case GgufType::kInt8:
      use(load<int8_t>(data));
      return true;
    case GgufType::kUint16:
      use(load<uint16_t>(data));
      return true;
    case GgufType::kInt16:
      use(load<int16_t>(data));
      return true;
    case GgufType::kUint32:
      use(load<uint32_t>(data));
      return true;
    case GgufType::kInt32:
      use(load<int32_t>(data));
      return true;
    case GgufType::kUint64:
      use(load<uint64_t>(data));
      return true;
    case GgufType::kInt64:
      use(load<int64_t>(data));
      return true;
    default:
      return false;
  }
}

template <class Wanted>
std::optional<Wanted> as_integer(GgufType type, const std::byte* data) {
  std::optional<Wanted> out;
  with_integer(type, data, [&](auto value) {
    if (std::in_range<Wanted>(value)) out = static_cast<Wanted>(value);
  });
  return out;
}

std::optional<double> as_double(GgufType type, const std::byte* data) {
  if (type == GgufType::kFloat32) return double(load<float>(data));
  if (type == GgufType::kFloat64) return load<double>(data);
  std::optional<double> out;
  with_integer(type, data, [&](auto value) {
    const auto number = static_cast<double>(value);
    // Back in the integer's own type; 2^63 and 2^64 themselves would overflow the cast.
    if (number < std::ldexp(1.0, std::numeric_limits<decltype(value)>::digits) &&
        static_cast<decltype(value)>(number) == value)
      out = number;
  });
  return out;
}

std::optional<float> as_single(GgufType type, const std::byte* data) {
  const auto number = as_double(type, data);
  if (!number) return std::nullopt;
  if (std::isnan(*number) || std::isinf(*number)) return static_cast<float>(*number);
  if (std::abs(*number) > double(std::numeric_limits<float>::max())) return std::nullopt;
  const auto single = static_cast<float>(*number);
  if (double(single) != *number) return std::nullopt;
  return single;
}

template <class T, class Convert>
std::optional<std::vector<T>> all_of(const GgufArray* array, Convert convert) {
  if (!array) return std::nullopt;
  const uint64_t step = gguf_scalar_bytes(array->element_type);
  if (step == 0) return array->count == 0 ? std::optional(std::vector<T>()) : std::nullopt;
  std::vector<T> out;
  out.reserve(array->count);
  for (uint64_t i = 0; i < array->count; ++i) {
    const std::optional<T> value = convert(array->element_type, array->encoded.data() + i * step);
    if (!value) return std::nullopt;
    out.push_back(*value);
  }
  return out;
}

}  // namespace

std::string_view gguf_type_name(GgufType type) { return kTypes[static_cast<uint32_t>(type)].name; }
uint64_t gguf_scalar_bytes(GgufType type) { return kTypes[static_cast<uint32_t>(type)].bytes; }

std::optional<uint64_t> GgufValue::as_uint() const { return as_integer<uint64_t>(type_, data_); }
std::optional<int64_t> GgufValue::as_int() const { return as_integer<int64_t>(type_, data_); }
std::optional<double> GgufValue::as_float() const { return as_double(type_, data_); }

std::optional<bool> GgufValue::as_bool() const {
  if (type_ != GgufType::kBool) return std::nullopt;
  return *data_ != std::byte{0};
}

std::optional<std::string_view> GgufValue::as_string() const {
  if (type_ != GgufType::kString) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(data_), size_);
}

GgufType GgufValue::element_type() const { return array_ ? array_->element_type : GgufType::kArray; }
uint64_t GgufValue::size() const { return array_ ? array_->count : 0; }

GgufValue GgufValue::at(uint64_t index) const {
  if (index >= size()) return {};
  const uint64_t step = gguf_scalar_bytes(array_->element_type);
  if (step == 0) return array_->elements[index];
  GgufValue value;
  value.type_ = array_->element_type;
  value.size_ = step;
  value.data_ = array_->encoded.data() + index * step;
  return value;
}

std::optional<std::vector<uint64_t>> GgufValue::as_uints() const {
  return all_of<uint64_t>(array_, as_integer<uint64_t>);
}
std::optional<std::vector<int64_t>> GgufValue::as_ints() const {
  return all_of<int64_t>(array_, as_integer<int64_t>);
}
std::optional<std::vector<float>> GgufValue::as_floats() const { return all_of<float>(array_, as_single); }

std::optional<std::vector<std::string_view>> GgufValue::as_strings() const {
  if (!array_ || (array_->element_type != GgufType::kString && array_->count != 0)) return std::nullopt;
  std::vector<std::string_view> out;
  out.reserve(array_->count);
  for (const GgufValue& element : array_->elements) out.push_back(*element.as_string());
  return out;
}

void GgufValue::append_encoded(std::string& out) const {
  const auto append = [&](const void* data, size_t size) {
    out.append(static_cast<const char*>(data), size);
  };
  if (type_ == GgufType::kArray) {
    const auto element = static_cast<uint32_t>(array_ ? array_->element_type : GgufType::kUint8);
    const uint64_t count = size();
    append(&element, sizeof element);
    append(&count, sizeof count);
    if (array_ && !array_->encoded.empty()) append(array_->encoded.data(), array_->encoded.size());
    return;
  }
  if (type_ == GgufType::kString) append(&size_, sizeof size_);
  if (size_ != 0) append(data_, size_);
}

}  // namespace nibble
