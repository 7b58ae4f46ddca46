#include "formats/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/quote.h"

namespace nibble {

namespace {

constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr uint32_t kDefaultAlignment = 32;
constexpr uint64_t kHeadBytes = 24;  // magic, version, numbers of tensors and keys

struct Key {
  std::string name;
  std::string encoded;  // type and value as they stand in the file
  uint64_t bytes() const { return sizeof(uint64_t) + name.size() + encoded.size(); }
};

struct Tensor {
  std::string name;
  std::vector<uint64_t> dims;
  const Format* format;
  uint64_t bytes;
  uint64_t offset;  // from the start of the data
};

uint64_t info_bytes(size_t name, size_t dims) {
  return sizeof(uint64_t) + name + sizeof(uint32_t) + dims * sizeof(uint64_t) + sizeof(uint32_t) + sizeof(uint64_t);
}

template <class T>
void append_number(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_string(std::string& out, std::string_view text) {
  append_number<uint64_t>(out, text.size());
  out += text;
}
std::string typed(GgufType type) {
  std::string out;
  append_number(out, static_cast<uint32_t>(type));
  return out;
}
template <class T>
std::string encode_number(GgufType type, T value) {
  std::string out = typed(type);
  append_number(out, value);
  return out;
}
std::string array_head(GgufType element, uint64_t count) {
  std::string out = typed(GgufType::kArray);
  append_number(out, static_cast<uint32_t>(element));
  append_number(out, count);
  return out;
}
template <class T>
std::string encode_numbers(GgufType element, std::span<const T> values) {
  std::string out = array_head(element, values.size());
  if (!values.empty()) out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return out;
}
template <class Text>
std::string encode_strings(std::span<const Text> values) {
  std::string out = array_head(GgufType::kString, values.size());
  for (const std::string_view value : values) append_string(out, value);
  return out;
}

}  // namespace

struct GgufWriter::State {
  std::optional<AtomicFile> file;  // none: a layout only
  uint64_t alignment = kDefaultAlignment;
  std::vector<Key> keys;
  std::map<std::string, size_t, std::less<>> key_positions;
  std::vector<Tensor> tensors;
  std::map<std::string, size_t, std::less<>> tensor_positions;
  uint64_t key_bytes = 0, info_bytes = 0;  // of the header, so far
  uint64_t data_bytes = 0;                 // declared, padding included
  size_t current = 0;       // tensor that the next data belongs to
  uint64_t current_bytes = 0;
  bool header_written = false;
  std::optional<Error> error;  // of a set_*, which has no result of its own; or the first of any other call

  State(std::optional<AtomicFile> target, uint64_t align) : file(std::move(target)), alignment(align) {}
  const std::string& path() const {
    static const std::string kNone;
    return file ? file->path() : kNone;
  }
  template <class... Parts>
  std::unexpected<Error> refuse(ErrorKind kind, const Parts&... parts) {
    auto failure = fail(kind, path(), ": ", parts...);
    if (!error) error = failure.error();
    return failure;
  }
  Status check() const { return error ? Status(std::unexpected(*error)) : Status(); }
  Status keep(Status status);
  void set(std::string_view name, std::string encoded);
  std::optional<Key> alignment_key() const {
    if (alignment == kDefaultAlignment) return std::nullopt;
    return Key{std::string(kAlignmentKey), encode_number(GgufType::kUint32, uint32_t(alignment))};
  }
  Status write_header();
  Status write_padding();
};

Status GgufWriter::State::keep(Status status) {
  if (!status && !error) error = status.error();
  return status;
}

void GgufWriter::State::set(std::string_view name, std::string encoded) {
  if (name == kAlignmentKey) return;  // fixed by create()
  if (header_written) {
    (void)refuse(ErrorKind::kInternal, "key ", quoted(name), " set after the first tensor data");
  } else if (name.empty() || name.size() > kGgufMaxKeyName) {
    (void)refuse(ErrorKind::kInvalidArgument, "key ", quoted(name), " has a name of ", name.size(),
                 " bytes, wanted 1 to ", kGgufMaxKeyName);
  } else if (const auto found = key_positions.find(name); found != key_positions.end()) {
    std::string& old = keys[found->second].encoded;
    key_bytes += encoded.size() - old.size();
    old = std::move(encoded);
  } else {
    key_positions.emplace(name, keys.size());
    keys.push_back({std::string(name), std::move(encoded)});
    key_bytes += keys.back().bytes();
  }
}

Status GgufWriter::State::write_header() {
  if (!file) return refuse(ErrorKind::kInternal, "a layout has no file to write to");
  header_written = true;
  if (auto key = alignment_key()) keys.push_back(*std::move(key));  // key_bytes has it
  std::string head = "GGUF";
  append_number<uint32_t>(head, 3);
  append_number<uint64_t>(head, tensors.size());
  append_number<uint64_t>(head, keys.size());
  for (const Key& key : keys) {
    append_string(head, key.name);
    head += key.encoded;
  }
  for (const Tensor& tensor : tensors) {
    append_string(head, tensor.name);
    append_number(head, uint32_t(tensor.dims.size()));
    for (const uint64_t dim : tensor.dims) append_number(head, dim);
    append_number(head, static_cast<uint32_t>(tensor.format->id));
    append_number(head, tensor.offset);
  }
  head.resize((head.size() + alignment - 1) / alignment * alignment, '\0');
  const auto total = checked_add<uint64_t>(head.size(), data_bytes);
  if (!total) return refuse(ErrorKind::kLimit, "more than 2^64 bytes");
  NIBBLE_CHECK_OK(keep(file->reserve(*total)));
  return keep(file->write(head));
}

Status GgufWriter::State::write_padding() {
  const std::string zeros(size_t((alignment - file->written() % alignment) % alignment), '\0');
  return keep(file->write(zeros));
}

namespace {

Status check_alignment(uint32_t alignment) {
  if (!std::has_single_bit(alignment) || alignment < kGgufMinAlignment || alignment > kGgufMaxAlignment)
    return fail(ErrorKind::kInvalidArgument, "alignment ", alignment, ", wanted a power of two from ",
                kGgufMinAlignment, " to ", kGgufMaxAlignment);
  return {};
}

}  // namespace

Result<GgufWriter> GgufWriter::create(const std::string& path, uint32_t alignment) {
  NIBBLE_CHECK_OK(check_alignment(alignment));
  NIBBLE_TRY(AtomicFile file, AtomicFile::create(path));
  return GgufWriter(std::make_unique<State>(std::move(file), alignment));
}

Result<GgufWriter> GgufWriter::layout(uint32_t alignment) {
  NIBBLE_CHECK_OK(check_alignment(alignment));
  return GgufWriter(std::make_unique<State>(std::nullopt, alignment));
}

GgufWriter::GgufWriter(std::unique_ptr<State> state) : state_(std::move(state)) {
  if (const auto key = state_->alignment_key()) state_->key_bytes = key->bytes();
}
GgufWriter::GgufWriter(GgufWriter&&) noexcept = default;
GgufWriter& GgufWriter::operator=(GgufWriter&&) noexcept = default;
GgufWriter::~GgufWriter() = default;

void GgufWriter::set_uint16(std::string_view key, uint16_t value) {
  state_->set(key, encode_number(GgufType::kUint16, value));
}
void GgufWriter::set_uint32(std::string_view key, uint32_t value) {
  state_->set(key, encode_number(GgufType::kUint32, value));
}
void GgufWriter::set_uint64(std::string_view key, uint64_t value) {
  state_->set(key, encode_number(GgufType::kUint64, value));
}
void GgufWriter::set_int32(std::string_view key, int32_t value) {
  state_->set(key, encode_number(GgufType::kInt32, value));
}
void GgufWriter::set_float32(std::string_view key, float value) {
  state_->set(key, encode_number(GgufType::kFloat32, value));
}
void GgufWriter::set_bool(std::string_view key, bool value) {
  state_->set(key, encode_number<uint8_t>(GgufType::kBool, value ? 1 : 0));
}
void GgufWriter::set_string(std::string_view key, std::string_view value) {
  std::string encoded = typed(GgufType::kString);
  append_string(encoded, value);
  state_->set(key, std::move(encoded));
}
void GgufWriter::set_strings(std::string_view key, std::span<const std::string> values) {
  state_->set(key, encode_strings(values));
}
void GgufWriter::set_strings(std::string_view key, std::span<const std::string_view> values) {
  state_->set(key, encode_strings(values));
}
void GgufWriter::set_floats(std::string_view key, std::span<const float> values) {
  state_->set(key, encode_numbers(GgufType::kFloat32, values));
}
void GgufWriter::set_int32s(std::string_view key, std::span<const int32_t> values) {
  state_->set(key, encode_numbers(GgufType::kInt32, values));
}
void GgufWriter::set_uint32s(std::string_view key, std::span<const uint32_t> values) {
  state_->set(key, encode_numbers(GgufType::kUint32, values));
}
void GgufWriter::set_bools(std::string_view key, std::span<const bool> values) {
  static_assert(sizeof(bool) == 1);
  state_->set(key, encode_numbers(GgufType::kBool, values));
}
void GgufWriter::set_bytes(std::string_view key, std::string_view bytes) {
  state_->set(key, encode_numbers(GgufType::kUint8, std::span(bytes)));
}
void GgufWriter::set_value(std::string_view key, const GgufValue& value) {
  std::string encoded = typed(value.type());
  value.append_encoded(encoded);
  state_->set(key, std::move(encoded));
}

void GgufWriter::remove(std::string_view key) {
  const auto found = state_->key_positions.find(key);
  if (found == state_->key_positions.end()) return;
  const size_t position = found->second;
  state_->key_bytes -= state_->keys[position].bytes();
  state_->key_positions.erase(found);
  state_->keys.erase(state_->keys.begin() + ptrdiff_t(position));
  for (auto& entry : state_->key_positions)
    if (entry.second > position) --entry.second;
}

Status GgufWriter::declare_tensor(std::string_view name, std::span<const uint64_t> dims, FormatId id) {
  State& state = *state_;
  NIBBLE_CHECK_OK(state.check());
  const std::string subject = concat("tensor ", quoted(name));
  if (state.header_written)
    return state.refuse(ErrorKind::kInternal, subject, " declared after the first tensor data");
  if (name.empty() || name.size() > kGgufMaxTensorName)
    return state.refuse(ErrorKind::kInvalidArgument, subject, " has a name of ", name.size(),
                        " bytes, wanted 1 to ", kGgufMaxTensorName);
  if (dims.empty() || dims.size() > 4)
    return state.refuse(ErrorKind::kInvalidArgument, subject, " has ", dims.size(),
                        " dimensions, wanted 1 to 4");
  const int row = format_index(id);
  if (row < 0)
    return state.refuse(ErrorKind::kInvalidArgument, subject, ": no tensor format has the id ",
                        static_cast<uint32_t>(id));
  uint64_t values = 1;
  for (const uint64_t dim : dims) {
    const auto product = checked_mul(values, dim);
    if (dim == 0 || !product || *product > uint64_t(std::numeric_limits<int64_t>::max()))
      return state.refuse(ErrorKind::kInvalidArgument, subject, " has a dimension of ", dim,
                          " (0, or 2^63 values in all)");
    values = *product;
  }
  const Format& format = kFormats[row];
  if (dims[0] % format.block_values != 0)
    return state.refuse(ErrorKind::kInvalidArgument, subject, " has rows of ", dims[0], " values, ",
                        format.name, " wants a multiple of ", format.block_values);
  auto bytes = format_bytes(format, values);
  const auto padded = bytes ? checked_align_up(*bytes, state.alignment) : std::nullopt;
  const auto end = padded ? checked_add(state.data_bytes, *padded) : std::nullopt;
  if (!end) return state.refuse(ErrorKind::kLimit, subject, " ends past 2^64 bytes");
  if (state.tensors.size() == kGgufMaxTensors)
    return state.refuse(ErrorKind::kLimit, subject, " is one more than the ", kGgufMaxTensors, " allowed");
  if (!state.tensor_positions.emplace(name, state.tensors.size()).second)
    return state.refuse(ErrorKind::kInvalidArgument, subject, " is declared twice");
  state.tensors.push_back({std::string(name), {dims.begin(), dims.end()}, &format, *bytes, state.data_bytes});
  state.data_bytes = *end;
  state.info_bytes += info_bytes(name.size(), dims.size());
  return {};
}

Status GgufWriter::write_tensor_data(std::span<const std::byte> bytes) {
  State& state = *state_;
  NIBBLE_CHECK_OK(state.check());
  NIBBLE_CHECK_OK(start());
  if (bytes.empty()) return {};
  if (state.current == state.tensors.size())
    return state.refuse(ErrorKind::kInternal, bytes.size(), " bytes of data after the last of ",
                        state.tensors.size(), " tensors");
  const Tensor& tensor = state.tensors[state.current];
  if (bytes.size() > tensor.bytes - state.current_bytes)
    return state.refuse(ErrorKind::kInternal, "tensor ", quoted(tensor.name), ": ",
                        state.current_bytes + bytes.size(), " bytes of data, wanted ", tensor.bytes);
  NIBBLE_CHECK_OK(state.keep(state.file->write(bytes)));
  state.current_bytes += bytes.size();
  if (state.current_bytes < tensor.bytes) return {};
  ++state.current;
  state.current_bytes = 0;
  return state.write_padding();
}

uint64_t GgufWriter::file_bytes() const {
  const State& state = *state_;
  const uint64_t head = kHeadBytes + state.key_bytes + state.info_bytes;
  return (head + state.alignment - 1) / state.alignment * state.alignment + state.data_bytes;
}

const std::string& GgufWriter::path() const { return state_->path(); }

Status GgufWriter::start() {
  NIBBLE_CHECK_OK(state_->check());
  return state_->header_written ? Status() : state_->write_header();
}

Status GgufWriter::complete() {
  State& state = *state_;
  NIBBLE_CHECK_OK(start());
  if (state.current < state.tensors.size()) {
    const Tensor& tensor = state.tensors[state.current];
    return state.refuse(ErrorKind::kInternal, "tensor ", quoted(tensor.name), " (", state.current + 1, " of ",
                        state.tensors.size(), ") has ", state.current_bytes, " bytes of data, wanted ",
                        tensor.bytes);
  }
  return state.keep(state.file->complete());
}

Status GgufWriter::finish() {
  NIBBLE_CHECK_OK(complete());
  return state_->keep(state_->file->commit());
}

}  // namespace nibble
