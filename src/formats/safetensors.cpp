#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/mapped_file.h"
#include "base/quote.h"
#include "formats/gguf_parser.h"
#include "formats/json.h"

namespace nibble {

struct SafetensorsFile::State {
  std::string path;
  std::optional<MappedFile> file;
  std::vector<SafetensorsTensor> tensors;
};

namespace {

constexpr SafetensorsType kTypes[] = {
    {"F32", 4, FormatId::kF32},
    {"F16", 2, FormatId::kF16},
    {"BF16", 2, FormatId::kBF16},
    {"F64", 8, {}},
    {"I64", 8, {}},
    {"U64", 8, {}},
    {"C64", 8, {}},
    {"I32", 4, {}},
    {"U32", 4, {}},
    {"I16", 2, {}},
    {"U16", 2, {}},
    {"I8", 1, {}},
    {"U8", 1, {}},
    {"BOOL", 1, {}},
    {"F8_E4M3", 1, {}},
    {"F8_E5M2", 1, {}},
    {"F8_E8M0", 1, {}},
    {"F8_E4M3FNUZ", 1, {}},
    {"F8_E5M2FNUZ", 1, {}},
};

// A tensor's entry in the header, checked; `data` is everything after the header.
class Entry {
 public:
  Entry(std::string_view file, std::string_view name, JsonValue value, std::span<const std::byte> data)
      : file_(file), name_(name), value_(value), data_(data) {}

  Result<SafetensorsTensor> read() const {
    SafetensorsTensor tensor;
    tensor.name = name_;
    if (name_.empty()) return bad(ErrorKind::kBadFile, "has no name");
    if (!value_.is_object())
      return bad(ErrorKind::kBadFile, "is ", json_kind_name(value_.kind()), ", wanted an object");
    NIBBLE_TRY(tensor.type, type());
    NIBBLE_TRY(tensor.shape, numbers("shape", kSafetensorsMaxRank));
    NIBBLE_TRY(const std::vector<uint64_t> offsets, numbers("data_offsets", 2));
    if (offsets.size() != 2)
      return bad(ErrorKind::kBadFile, "has ", offsets.size(), " data_offsets, wanted 2");
    const auto [begin, end] = std::pair(offsets[0], offsets[1]);
    if (begin > end)
      return bad(ErrorKind::kBadFile, "has data_offsets [", begin, ", ", end, "], wanted begin <= end");
    if (end > data_.size())
      return bad(ErrorKind::kBadFile, "ends at byte ", end, " of the data, the file has ", data_.size(),
                 ": a torn download?");
    uint64_t bytes = tensor.type->bytes;
    for (const uint64_t dim : tensor.shape) {
      const auto product = checked_mul(bytes, dim);
      if (!product) return bad(ErrorKind::kBadFile, "has a shape of 2^64 bytes or more");
      bytes = *product;
    }
    if (bytes != end - begin)
      return bad(ErrorKind::kBadFile, "has ", end - begin, " bytes, wanted ", bytes, " for its shape of ",
                 tensor.type->name);
    tensor.bytes = data_.subspan(begin, bytes);
    return tensor;
  }

 private:
  template <class... Parts>
  std::unexpected<Error> bad(ErrorKind kind, const Parts&... parts) const {
    return fail(kind, file_, ": tensor ", quoted(name_), " ", parts...);
  }

  Result<const SafetensorsType*> type() const {
    const JsonValue dtype = value_["dtype"];
    const auto name = dtype.as_string();
    if (!name)
      return bad(ErrorKind::kBadFile, "has ", json_kind_name(dtype.kind()), " as dtype, wanted a string");
    for (const SafetensorsType& row : kTypes)
      if (row.name == *name) return &row;
    return bad(ErrorKind::kUnsupported, "has dtype ", quoted(*name), ", which is not known");
  }

  Result<std::vector<uint64_t>> numbers(std::string_view key, uint64_t most) const {
    const JsonValue list = value_[key];
    if (!list.is_array())
      return bad(ErrorKind::kBadFile, "has ", json_kind_name(list.kind()), " as ", key, ", wanted an array");
    if (list.size() > most)
      return bad(ErrorKind::kBadFile, "has ", list.size(), " numbers in ", key, ", wanted at most ", most);
    std::vector<uint64_t> values;
    for (const JsonValue element : list.elements()) {
      const auto number = element.as_int();
      if (!number || *number < 0)
        return bad(ErrorKind::kBadFile, "has ",
                   number ? concat(*number) : std::string(json_kind_name(element.kind())), " in ", key,
                   ", wanted whole numbers from 0 to 2^63 - 1");
      values.push_back(uint64_t(*number));
    }
    return values;
  }

  std::string_view file_, name_;
  JsonValue value_;
  std::span<const std::byte> data_;
};

// The tensors' bytes must follow one another without overlap or gap. Leaves them in that order.
Status check_layout(const std::string& path, std::vector<SafetensorsTensor>& tensors,
                    std::span<const std::byte> data) {
  std::ranges::stable_sort(tensors, [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  uint64_t end = 0;
  const SafetensorsTensor* before = nullptr;
  for (const SafetensorsTensor& tensor : tensors) {
    const uint64_t begin = uint64_t(tensor.bytes.data() - data.data());
    if (begin < end)
      return fail(ErrorKind::kBadFile, path, ": tensor ", quoted(tensor.name), " starts at byte ", begin,
                  " of the data, inside tensor ", quoted(before->name), ", which ends at ", end);
    if (begin > end)
      return fail(ErrorKind::kBadFile, path, ": ", begin - end, " bytes before tensor ", quoted(tensor.name),
                  " belong to no tensor");
    end = begin + tensor.bytes.size();
    before = &tensor;
  }
  if (end != data.size())
    return fail(ErrorKind::kBadFile, path, ": ", data.size() - end,
                " bytes after the last tensor belong to none");
  return {};
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;
SafetensorsFile::~SafetensorsFile() = default;
const std::string& SafetensorsFile::path() const { return state_->path; }
std::span<const SafetensorsTensor> SafetensorsFile::tensors() const { return state_->tensors; }
void SafetensorsFile::prefetch(const SafetensorsTensor& tensor) const {
  if (state_->file && !tensor.bytes.empty()) state_->file->prefetch(tensor.bytes);
}
void SafetensorsFile::release(const SafetensorsTensor& tensor) const {
  if (state_->file && !tensor.bytes.empty()) state_->file->release(tensor.bytes);
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  NIBBLE_TRY(MappedFile mapped, MappedFile::open(path));
  const auto bytes = mapped.bytes();
  NIBBLE_TRY(SafetensorsFile file, parse(bytes, path));
  file.state_->file.emplace(std::move(mapped));
  return file;
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes, std::string name) {
  auto state = std::make_unique<State>();
  state->path = std::move(name);
  const std::string& path = state->path;
  uint64_t length = 0;
  if (bytes.size() >= sizeof length) std::memcpy(&length, bytes.data(), sizeof length);
  if (bytes.size() < sizeof length + 2 || bytes[sizeof length] != std::byte{'{'})
    return fail(ErrorKind::kBadFile, path, ": not a safetensors file but ", describe_foreign_bytes(bytes));
  if (length > kSafetensorsMaxHeader)
    return fail(ErrorKind::kLimit, path, ": a header of ", length, " bytes, the limit is ",
                kSafetensorsMaxHeader);
  if (length > bytes.size() - sizeof length)
    return fail(ErrorKind::kBadFile, path, ": a header of ", length, " bytes in a file of ", bytes.size());
  const auto data = bytes.subspan(sizeof length + length);
  NIBBLE_TRY(
      const JsonDocument header,
      JsonDocument::parse(std::string(reinterpret_cast<const char*>(bytes.data()) + sizeof length, length),
                          concat(path, ": header")));
  if (header.root().size() > kSafetensorsMaxTensors)
    return fail(ErrorKind::kLimit, path, ": ", header.root().size(), " tensors, the limit is ",
                kSafetensorsMaxTensors);
  for (const auto& [key, value] : header.root().members()) {
    if (key == "__metadata__") continue;
    NIBBLE_TRY(SafetensorsTensor tensor, Entry(path, key, value, data).read());
    state->tensors.push_back(std::move(tensor));
  }
  NIBBLE_CHECK_OK(check_layout(path, state->tensors, data));
  return SafetensorsFile(std::move(state));
}

}  // namespace nibble
