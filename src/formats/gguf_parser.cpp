#include "formats/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>

#include "base/checked.h"
#include "base/quote.h"

namespace nibble {

static_assert(std::endian::native == std::endian::little,
              "GGUF files are little-endian and mapped, not converted");

// A cursor over untrusted bytes. Every count is compared with the bytes that are left before anything is
// allocated for it.
class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}
  Result<GgufContents> parse() &&;

 private:
  template <class... Parts>
  std::unexpected<Error> bad(ErrorKind kind, const Parts&... parts) const {
    return fail(kind, name_, ": byte ", position_, ": ", subject_, ": ", parts...);
  }
  template <class... Parts>
  std::unexpected<Error> bad(const Parts&... parts) const {
    return bad(ErrorKind::kBadFile, parts...);
  }
  uint64_t left() const { return bytes_.size() - position_; }
  template <class T>
  Result<T> number(std::string_view what);
  Result<std::string_view> text(std::string_view what, uint64_t limit);

  Result<uint64_t> parse_header();
  Status parse_keys(uint64_t count);
  Result<GgufType> parse_type(std::string_view what);
  Result<GgufValue> parse_value(GgufType type, int depth);
  Result<GgufValue> parse_array(int depth);
  Status check_bools(uint64_t count);
  Status parse_alignment();
  Status parse_tensors();
  Status parse_tensor(uint64_t& offset);
  Status place_tensors(std::span<const uint64_t> offsets);
  Status check_extent(const TensorView& tensor, uint64_t bytes, uint64_t offset, uint64_t room) const;

  std::span<const std::byte> bytes_;
  std::string_view name_;
  uint64_t position_ = 0;
  std::string subject_ = "header";
  uint64_t tensor_count_ = 0;
  uint64_t array_entries_ = 0;
  GgufContents out_;
};

template <class T>
Result<T> GgufParser::number(std::string_view what) {
  if (left() < sizeof(T)) return bad(what, " needs ", sizeof(T), " bytes, ", left(), " are left");
  T value;
  std::memcpy(&value, bytes_.data() + position_, sizeof value);
  position_ += sizeof value;
  return value;
}

Result<std::string_view> GgufParser::text(std::string_view what, uint64_t limit) {
  NIBBLE_TRY(const uint64_t length, number<uint64_t>(what));
  if (length > left()) return bad(what, " has a length of ", length, " bytes, ", left(), " are left");
  if (length > limit)
    return bad(what, " has a length of ", length, " bytes, at most ", limit, " are allowed");
  const auto* data = reinterpret_cast<const char*>(bytes_.data() + position_);
  position_ += length;
  return std::string_view(data, length);
}

Result<uint64_t> GgufParser::parse_header() {
  if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0)
    return fail(ErrorKind::kBadFile, name_, ": not a GGUF file but ", describe_foreign_bytes(bytes_));
  position_ = 4;
  NIBBLE_TRY(out_.version, number<uint32_t>("version"));
  if (out_.version == 1)
    return bad(ErrorKind::kUnsupported,
               "version 1 of August 2023 is not supported, wanted 2 or 3: convert the model again");
  if (out_.version != 2 && out_.version != 3) {
    const uint32_t swapped = __builtin_bswap32(out_.version);
    if (swapped >= 1 && swapped <= 255)
      return bad(ErrorKind::kUnsupported, "a big-endian file (version ", swapped,
                 " with swapped bytes), wanted little-endian");
    return bad(ErrorKind::kUnsupported, "version ", out_.version, ", wanted 2 or 3");
  }
  NIBBLE_TRY(tensor_count_, number<uint64_t>("tensor count"));
  NIBBLE_TRY(const uint64_t key_count, number<uint64_t>("key count"));
  // The least a key takes: name length, one byte of name, type, one byte; a tensor: the same, rank, dim,
  // format, offset.
  constexpr uint64_t kKeyBytes = 8 + 1 + 4 + 1, kTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
  if (key_count > left() / kKeyBytes)
    return bad("a count of ", key_count, " keys, ", left(), " bytes are left for them");
  if (tensor_count_ > left() / kTensorBytes)
    return bad("a count of ", tensor_count_, " tensors, ", left(), " bytes are left for them");
  if (key_count > kGgufMaxKeys)
    return bad(ErrorKind::kLimit, key_count, " keys, at most ", kGgufMaxKeys, " are allowed");
  if (tensor_count_ > kGgufMaxTensors)
    return bad(ErrorKind::kLimit, tensor_count_, " tensors, at most ", kGgufMaxTensors, " are allowed");
  return key_count;
}

Status GgufParser::parse_keys(uint64_t count) {
  out_.keys.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    subject_ = concat("key ", i, " of ", count);
    NIBBLE_TRY(const std::string_view key, text("name", kGgufMaxKeyName));
    if (key.empty()) return bad("an empty name");
    subject_ = concat("key ", quoted(key));
    NIBBLE_TRY(const GgufType type, parse_type("value"));
    NIBBLE_TRY(const GgufValue value, parse_value(type, 0));
    out_.keys.push_back({key, value});
  }
  return {};
}

Result<GgufType> GgufParser::parse_type(std::string_view what) {
  NIBBLE_TRY(const uint32_t type, number<uint32_t>(concat("type of the ", what)));
  if (type > static_cast<uint32_t>(GgufType::kFloat64))
    return bad("type ", type, " of the ", what, ", wanted 0 to 12");
  return static_cast<GgufType>(type);
}

Result<GgufValue> GgufParser::parse_value(GgufType type, int depth) {
  if (type == GgufType::kArray) return parse_array(depth);
  GgufValue value;
  value.type_ = type;
  if (type == GgufType::kString) {
    NIBBLE_TRY(const std::string_view string, text("string", std::numeric_limits<uint64_t>::max()));
    value.data_ = reinterpret_cast<const std::byte*>(string.data());
    value.size_ = string.size();
    return value;
  }
  value.size_ = gguf_scalar_bytes(type);
  if (left() < value.size_) return bad("value needs ", value.size_, " bytes, ", left(), " are left");
  value.data_ = bytes_.data() + position_;
  if (type == GgufType::kBool) NIBBLE_CHECK_OK(check_bools(1));
  position_ += value.size_;
  return value;
}

Result<GgufValue> GgufParser::parse_array(int depth) {
  if (depth >= kGgufMaxArrayDepth)
    return bad(ErrorKind::kLimit, "arrays nested deeper than ", kGgufMaxArrayDepth, " levels");
  NIBBLE_TRY(const GgufType type, parse_type("array's elements"));
  NIBBLE_TRY(const uint64_t count, number<uint64_t>("array's length"));
  const uint64_t element_bytes = gguf_scalar_bytes(type);
  const bool indexed = element_bytes == 0;
  // A string takes at least its length, a nested array its type and length.
  const uint64_t least_bytes = indexed ? (type == GgufType::kString ? 8 : 12) : element_bytes;
  if (count > left() / least_bytes)
    return bad("array of ", count, " elements of type ", gguf_type_name(type), ", ", left(),
               " bytes are left for them");
  out_.arrays.push_back({type, count, {}, {}});
  GgufArray& array = out_.arrays.back();
  const uint64_t begin = position_;
  if (!indexed) {
    if (type == GgufType::kBool) NIBBLE_CHECK_OK(check_bools(count));
    position_ += count * element_bytes;
  } else {
    array_entries_ += count;
    if (array_entries_ > kGgufMaxArrayEntries)
      return bad(ErrorKind::kLimit, "more than ", kGgufMaxArrayEntries, " strings and nested arrays in all");
    array.elements.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      NIBBLE_TRY(const GgufValue element, parse_value(type, depth + 1));
      array.elements.push_back(element);
    }
  }
  array.encoded = bytes_.subspan(begin, position_ - begin);
  GgufValue value;
  value.array_ = &array;
  return value;
}

Status GgufParser::check_bools(uint64_t count) {
  for (const std::byte byte : bytes_.subspan(position_, count))
    if (byte != std::byte{0} && byte != std::byte{1})
      return bad("bool of value ", unsigned(byte), ", wanted 0 or 1");
  return {};
}

Status GgufParser::parse_alignment() {
  for (const GgufKey& key : out_.keys) {
    if (key.name != "general.alignment") continue;
    subject_ = "key 'general.alignment'";
    if (key.value.type() != GgufType::kUint32)
      return bad("is ", gguf_type_name(key.value.type()), ", wanted uint32");
    out_.alignment = *key.value.as_uint();
    if (!std::has_single_bit(out_.alignment) || out_.alignment < kGgufMinAlignment ||
        out_.alignment > kGgufMaxAlignment)
      return bad("is ", out_.alignment, ", wanted a power of two from ", kGgufMinAlignment, " to ",
                 kGgufMaxAlignment);
  }
  return {};
}

Status GgufParser::parse_tensors() {
  out_.tensors.reserve(tensor_count_);
  std::vector<uint64_t> offsets(tensor_count_);
  for (uint64_t i = 0; i < tensor_count_; ++i) {
    subject_ = concat("tensor ", i, " of ", tensor_count_);
    NIBBLE_CHECK_OK(parse_tensor(offsets[i]));
  }
  subject_ = "tensor data";
  const auto data = checked_align_up(position_, out_.alignment);
  out_.data_offset = data ? std::min<uint64_t>(*data, bytes_.size()) : bytes_.size();
  return place_tensors(offsets);
}

Status GgufParser::parse_tensor(uint64_t& offset) {
  TensorView tensor;
  NIBBLE_TRY(const std::string_view name, text("name", kGgufMaxTensorName));
  if (name.empty()) return bad("an empty name");
  tensor.name = name;
  subject_ = concat("tensor ", quoted(name));
  NIBBLE_TRY(const uint32_t rank, number<uint32_t>("number of dimensions"));
  if (rank < 1 || rank > 4) return bad(rank, " dimensions, wanted 1 to 4");
  tensor.rank = int(rank);
  uint64_t values = 1;
  for (uint32_t d = 0; d < rank; ++d) {
    NIBBLE_TRY(tensor.dims[d], number<uint64_t>("dimension"));
    if (tensor.dims[d] == 0) return bad("dimension ", d, " is 0");
    const auto product = checked_mul(values, tensor.dims[d]);
    if (!product || *product > uint64_t(std::numeric_limits<int64_t>::max()))
      return bad("dimension ", d, " is ", tensor.dims[d], ": 2^63 values or more in all");
    values = *product;
  }
  NIBBLE_TRY(const uint32_t id, number<uint32_t>("format"));
  auto format = find_format(id);
  if (!format) return bad(format.error().kind, format.error().message);
  tensor.format = *format;
  if (tensor.dims[0] % tensor.format->block_values != 0)
    return bad("rows of ", tensor.dims[0], " values, ", tensor.format->name, " wants a multiple of ",
               tensor.format->block_values);
  NIBBLE_TRY(offset, number<uint64_t>("offset"));
  if (offset % out_.alignment != 0)
    return bad("offset ", offset, " is no multiple of the alignment ", out_.alignment);
  out_.tensors.push_back(std::move(tensor));
  return {};
}

Status GgufParser::place_tensors(std::span<const uint64_t> offsets) {
  std::vector<uint32_t> order(offsets.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](uint32_t i) { return offsets[i]; });
  const std::span<const std::byte> data = bytes_.subspan(out_.data_offset);
  for (size_t k = 0; k < order.size(); ++k) {
    TensorView& tensor = out_.tensors[order[k]];
    const uint64_t offset = offsets[order[k]];
    subject_ = concat("tensor ", quoted(tensor.name));
    auto size = format_bytes(*tensor.format, tensor.values());
    if (!size) return bad(size.error().kind, size.error().message);
    if (offset > data.size())
      return bad("data starts at offset ", offset, ", the file has ", data.size(), " bytes of data");
    const bool last = k + 1 == order.size();
    const uint64_t end_of_room = last ? data.size() : std::min<uint64_t>(offsets[order[k + 1]], data.size());
    NIBBLE_CHECK_OK(check_extent(tensor, *size, offset, end_of_room - offset));
    if (*size > data.size() - offset)
      return bad("data of ", *size, " bytes at offset ", offset, " ends past the file's ", data.size(),
                 " bytes of data");
    if (*size > end_of_room - offset)
      return bad("data of ", *size, " bytes at offset ", offset, " overlaps tensor ",
                 quoted(out_.tensors[order[k + 1]].name), " at offset ", offsets[order[k + 1]]);
    tensor.bytes = data.subspan(offset, *size);
  }
  return {};
}

// Two ids have had other meanings: told by the bytes that the tensor has up to the next one.
Status GgufParser::check_extent(const TensorView& tensor, uint64_t bytes, uint64_t offset,
                                uint64_t room) const {
  const uint64_t values = tensor.values();
  if (tensor.format->id == FormatId::kI2_S && values / 32 <= room / 18) {
    const auto repacked = checked_align_up(values / 32 * 18, out_.alignment);
    const auto padded = checked_align_up(bytes, out_.alignment);
    const bool more_than_padding = padded && room > *padded;
    if (more_than_padding && repacked && (room == *repacked || room == values / 32 * 18))
      return bad(ErrorKind::kUnsupported, "format 36 with ", room,
                 " bytes is IQ4_NL_4_4, a repacked type that GGUF has dropped (I2_S would have ", bytes,
                 "): quantize the model again");
  }
  if (tensor.format->id == FormatId::kMXFP4 && bytes > room && values / 5 <= room)
    for (const GgufKey& key : out_.keys)
      if (key.name == "general.architecture" && key.value.as_string().value_or("").starts_with("bitnet"))
        return bad(ErrorKind::kUnsupported, "format 39 with ", room, " bytes at offset ", offset,
                   " is TL2 of a BitNet file (", "MXFP4 would have ", bytes,
                   "): I2_S is the BitNet format that is supported");
  return {};
}

Result<GgufContents> GgufParser::parse() && {
  NIBBLE_TRY(const uint64_t key_count, parse_header());
  NIBBLE_CHECK_OK(parse_keys(key_count));
  NIBBLE_CHECK_OK(parse_alignment());
  NIBBLE_CHECK_OK(parse_tensors());
  return std::move(out_);
}

Result<GgufContents> parse_gguf(std::span<const std::byte> bytes, std::string_view name) {
  return GgufParser(bytes, name).parse();
}

Result<std::vector<uint32_t>> index_by_name(std::span<const std::string_view> names, std::string_view what) {
  std::vector<uint32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, {}, [&](uint32_t i) { return names[i]; });
  const auto twin = std::ranges::adjacent_find(order, {}, [&](uint32_t i) { return names[i]; });
  if (twin != order.end())
    return fail(ErrorKind::kBadFile, what, " ", quoted(names[*twin]), " occurs twice (as number ",
                std::min(twin[0], twin[1]), " and ", std::max(twin[0], twin[1]), ")");
  return order;
}

}  // namespace nibble
