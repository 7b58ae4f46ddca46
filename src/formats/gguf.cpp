#include "formats/gguf.h"

#include <algorithm>
#include <deque>
#include <filesystem>

#include "base/mapped_file.h"
#include "base/quote.h"
#include "formats/gguf_parser.h"

namespace nibble {

struct GgufFile::State {
  std::string path;
  std::vector<std::string> part_paths;
  std::vector<MappedFile> maps;     // empty when parsed from memory
  // The views of keys and tensors lead into these: a deque, whose elements stay where they are.
  std::deque<GgufContents> parts;
  uint64_t file_bytes = 0;
  std::vector<GgufKey> keys;
  std::vector<TensorView> tensors;
  std::vector<uint32_t> keys_by_name, tensors_by_name;

  Status index();
};

Status GgufFile::State::index() {
  std::vector<std::string_view> names;
  for (const GgufKey& key : keys) names.push_back(key.name);
  auto by_name = index_by_name(names, "key");
  if (!by_name) return forward_error(by_name.error(), path);
  keys_by_name = *std::move(by_name);
  names.clear();
  for (const TensorView& tensor : tensors) names.push_back(tensor.name);
  by_name = index_by_name(names, "tensor");
  if (!by_name) return forward_error(by_name.error(), path);
  tensors_by_name = *std::move(by_name);
  return {};
}

namespace {

bool is_number(std::string_view text) {
  return text.size() >= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string digits(uint64_t number) {
  std::string text = std::to_string(number);
  return std::string(text.size() < 5 ? 5 - text.size() : 0, '0') + text;
}

// Name of part `index` (from 0) beside part `first` of the set, or empty when the first is not named so.
std::string part_path(const std::string& first, uint64_t index, uint64_t count) {
  const auto stem = gguf_part_stem(first);
  if (!stem || first != gguf_part_path(*stem, 0, count)) return {};
  return gguf_part_path(*stem, index, count);
}

// A number among a part's own keys, nullopt when there is no such key.
Result<std::optional<uint64_t>> split_number(const GgufContents& part, std::string_view path,
                                             std::string_view key) {
  for (const GgufKey& candidate : part.keys) {
    if (candidate.name != key) continue;
    const auto value = candidate.value.as_uint();
    if (!value)
      return fail(ErrorKind::kBadFile, path, ": key ", quoted(key), " is ",
                  gguf_type_name(candidate.value.type()), " or negative, wanted an unsigned integer");
    return value;
  }
  return std::nullopt;
}

Status check_part(const GgufContents& part, const std::string& path, uint64_t index, uint64_t count,
                  const GgufContents& first) {
  NIBBLE_TRY(const auto number, split_number(part, path, "split.no"));
  NIBBLE_TRY(const auto parts, split_number(part, path, "split.count"));
  if (number != index)
    return fail(ErrorKind::kBadFile, path, ": key 'split.no' is ", number ? concat(*number) : "absent",
                ", wanted ", index);
  if (parts != count)
    return fail(ErrorKind::kBadFile, path, ": key 'split.count' is ", parts ? concat(*parts) : "absent",
                ", the first part says ", count);
  if (part.version != first.version)
    return fail(ErrorKind::kBadFile, path, ": version ", part.version, ", the first part has ",
                first.version);
  return {};
}

}  // namespace

std::string gguf_part_path(std::string_view stem, uint64_t index, uint64_t count) {
  return concat(stem, "-", digits(index + 1), "-of-", digits(count), ".gguf");
}

std::optional<std::string_view> gguf_part_stem(std::string_view path) {
  constexpr std::string_view kEnd = ".gguf", kOf = "-of-";
  if (!path.ends_with(kEnd)) return std::nullopt;
  path.remove_suffix(kEnd.size());
  const size_t of = path.rfind(kOf);
  if (of == std::string_view::npos || of == 0 || !is_number(path.substr(of + kOf.size()))) return std::nullopt;
  const size_t dash = path.rfind('-', of - 1);
  if (dash == std::string_view::npos || !is_number(path.substr(dash + 1, of - dash - 1))) return std::nullopt;
  return path.substr(0, dash);
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes, std::string name) {
  auto state = std::make_unique<State>();
  state->path = std::move(name);
  state->part_paths.push_back(state->path);
  state->file_bytes = bytes.size();
  NIBBLE_TRY(GgufContents contents, parse_gguf(bytes, state->path));
  state->keys = contents.keys;
  state->tensors = std::move(contents.tensors);
  state->parts.push_back(std::move(contents));
  NIBBLE_CHECK_OK(state->index());
  return GgufFile(std::move(state));
}

Result<GgufFile> GgufFile::open(const std::string& path) {
  NIBBLE_TRY(MappedFile map, MappedFile::open(path));
  NIBBLE_TRY(GgufFile file, parse(map.bytes(), path));
  State& state = *file.state_;
  state.maps.push_back(std::move(map));
  NIBBLE_TRY(const auto split_count, split_number(state.parts[0], path, "split.count"));
  const uint64_t count = split_count.value_or(1);
  if (count <= 1) return file;
  if (count > kGgufMaxParts)
    return fail(ErrorKind::kLimit, path, ": key 'split.count' is ", count, ", at most ", kGgufMaxParts,
                " are allowed");
  NIBBLE_TRY(const auto number, split_number(state.parts[0], path, "split.no"));
  if (number.value_or(0) != 0)
    return fail(ErrorKind::kInvalidArgument, path, ": part ", *number + 1, " of ", count,
                " of a split model, wanted the first (-", digits(1), "-of-", digits(count), ".gguf)");
  if (part_path(path, 0, count).empty())
    return fail(ErrorKind::kBadFile, path, ": the first of ", count,
                " parts by its key 'split.count', wanted a name that ends in -", digits(1), "-of-",
                digits(count), ".gguf");
  for (uint64_t i = 1; i < count; ++i) {
    const std::string next = part_path(path, i, count);
    auto next_map = MappedFile::open(next);
    if (!next_map) return forward_error(next_map.error(), path, ": part ", i + 1, " of ", count);
    NIBBLE_TRY(GgufContents part, parse_gguf(next_map->bytes(), next));
    NIBBLE_CHECK_OK(check_part(part, next, i, count, state.parts[0]));
    state.file_bytes += next_map->bytes().size();
    state.part_paths.push_back(next);
    std::ranges::move(part.tensors, std::back_inserter(state.tensors));
    state.maps.push_back(*std::move(next_map));
    state.parts.push_back(std::move(part));
  }
  NIBBLE_TRY(const auto total, split_number(state.parts[0], path, "split.tensors.count"));
  if (total && *total != state.tensors.size())
    return fail(ErrorKind::kBadFile, path, ": key 'split.tensors.count' is ", *total, ", the ", count,
                " parts have ", state.tensors.size(), " tensors");
  std::erase_if(state.keys, [](const GgufKey& key) { return key.name.starts_with("split."); });
  NIBBLE_CHECK_OK(state.index());
  return file;
}

GgufFile::GgufFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
GgufFile::GgufFile(GgufFile&&) noexcept = default;
GgufFile& GgufFile::operator=(GgufFile&&) noexcept = default;
GgufFile::~GgufFile() = default;

const std::string& GgufFile::path() const { return state_->path; }
std::span<const std::string> GgufFile::part_paths() const { return state_->part_paths; }
uint32_t GgufFile::version() const { return state_->parts[0].version; }
uint64_t GgufFile::alignment() const { return state_->parts[0].alignment; }
uint64_t GgufFile::file_bytes() const { return state_->file_bytes; }
std::span<const GgufKey> GgufFile::keys() const { return state_->keys; }
std::span<const TensorView> GgufFile::tensors() const { return state_->tensors; }

std::optional<GgufValue> GgufFile::find(std::string_view key) const {
  const auto name_of = [&](uint32_t i) { return state_->keys[i].name; };
  const auto found = std::ranges::lower_bound(state_->keys_by_name, key, {}, name_of);
  if (found == state_->keys_by_name.end() || name_of(*found) != key) return std::nullopt;
  return state_->keys[*found].value;
}

const TensorView* GgufFile::find_tensor(std::string_view name) const {
  const auto name_of = [&](uint32_t i) -> std::string_view { return state_->tensors[i].name; };
  const auto found = std::ranges::lower_bound(state_->tensors_by_name, name, {}, name_of);
  if (found == state_->tensors_by_name.end() || name_of(*found) != name) return nullptr;
  return &state_->tensors[*found];
}

namespace {

template <class T, class Convert>
Result<std::optional<T>> typed(const GgufFile& file, std::string_view key, std::string_view wanted,
                               Convert convert) {
  const auto value = file.find(key);
  if (!value) return std::nullopt;
  const std::optional<T> converted = convert(*value);
  if (converted) return converted;
  const auto number = value->as_int();
  return fail(ErrorKind::kBadFile, file.path(), ": key ", quoted(key), " is ", gguf_type_name(value->type()),
              number ? concat(" ", *number) : "", ", wanted ", wanted);
}

}  // namespace

Result<std::optional<uint64_t>> GgufFile::get_uint(std::string_view key) const {
  return typed<uint64_t>(*this, key, "an unsigned integer", [](const GgufValue& v) { return v.as_uint(); });
}
Result<std::optional<double>> GgufFile::get_float(std::string_view key) const {
  return typed<double>(*this, key, "a number", [](const GgufValue& v) { return v.as_float(); });
}
Result<std::optional<bool>> GgufFile::get_bool(std::string_view key) const {
  return typed<bool>(*this, key, "a bool", [](const GgufValue& v) { return v.as_bool(); });
}
Result<std::optional<std::string_view>> GgufFile::get_string(std::string_view key) const {
  return typed<std::string_view>(*this, key, "a string", [](const GgufValue& v) { return v.as_string(); });
}

void GgufFile::prefetch(const TensorView& tensor) const {
  for (const MappedFile& map : state_->maps)
    if (map.contains(tensor.bytes)) return map.prefetch(tensor.bytes);
}

void GgufFile::release(std::span<const std::byte> bytes) const {
  for (const MappedFile& map : state_->maps)
    if (map.contains(bytes)) return map.release(bytes);
}

}  // namespace nibble
