#include "transform/hf_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/mapped_file.h"
#include "base/quote.h"

namespace nibble {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSingle = "model.safetensors", kIndex = "model.safetensors.index.json";
constexpr size_t kMaxParts = 10000;
constexpr size_t kMaxIndexBytes = size_t(256) << 20;

// Weights in another form, for the message that there is no safetensors file.
std::string other_weights(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".bin") || name.ends_with(".pth") || name.ends_with(".pt"))
      return concat("; ", nibble::quoted(name),
                    " is a pickle, which nibble does not run: save the model as safetensors");
    if (name.ends_with(".gguf")) return concat("; ", nibble::quoted(name), " is a GGUF file already");
  }
  return {};
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.find('/') == name.npos &&
         name.find('\\') == name.npos && name.find('\0') == name.npos && name.size() <= 255;
}

}  // namespace

std::string HfCheckpoint::file(std::string_view name) const { return concat(directory_, "/", name); }

Result<HfCheckpoint> HfCheckpoint::open(const std::string& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error))
    return fail(fs::exists(directory, error) ? ErrorKind::kInvalidArgument : ErrorKind::kNotFound, directory,
                ": not a directory; wanted one with config.json and model.safetensors");
  HfCheckpoint checkpoint;
  checkpoint.directory_ = directory;
  NIBBLE_TRY(checkpoint.config_, checkpoint.optional_json("config.json", kMaxConfigBytes));
  if (!checkpoint.config_) return fail(ErrorKind::kNotFound, checkpoint.file("config.json"), ": not found");
  NIBBLE_CHECK_OK(checkpoint.open_weights());
  NIBBLE_CHECK_OK(checkpoint.index_tensors());
  return checkpoint;
}

Status HfCheckpoint::open_weights() {
  NIBBLE_TRY(const std::optional<JsonDocument> index, optional_json(kIndex, kMaxIndexBytes));
  if (index) return open_parts(*index);
  if (std::error_code error; !fs::exists(file(kSingle), error))
    return fail(ErrorKind::kNotFound, directory_, ": neither ", kSingle, " nor ", kIndex,
                other_weights(directory_));
  NIBBLE_TRY(SafetensorsFile part, SafetensorsFile::open(file(kSingle)));
  files_.push_back(file(kSingle));
  parts_.push_back(std::make_unique<SafetensorsFile>(std::move(part)));
  return {};
}

Status HfCheckpoint::open_parts(const JsonDocument& index) {
  const JsonValue map = index.root()["weight_map"];
  if (!map.is_object() || map.size() == 0)
    return fail(ErrorKind::kBadFile, file(kIndex), ": weight_map is ", json_kind_name(map.kind()),
                ", wanted an object that is not empty");
  std::set<std::string, std::less<>> names;
  for (const auto& [tensor, part] : map.members()) {
    const auto name = part.as_string();
    if (!name || !is_plain_name(*name))
      return fail(ErrorKind::kBadFile, file(kIndex), ": tensor ", nibble::quoted(tensor), " is in ",
                  name ? nibble::quoted(*name) : std::string(json_kind_name(part.kind())),
                  ", wanted the name of a file beside it");
    if (names.emplace(*name).second && names.size() > kMaxParts)
      return fail(ErrorKind::kLimit, file(kIndex), ": more than ", kMaxParts, " files");
  }
  std::set<std::string_view> found;
  for (const std::string& name : names) {
    NIBBLE_TRY(SafetensorsFile part, SafetensorsFile::open(file(name)));
    files_.push_back(file(name));
    parts_.push_back(std::make_unique<SafetensorsFile>(std::move(part)));
    for (const SafetensorsTensor& tensor : parts_.back()->tensors()) found.insert(tensor.name);
  }
  for (const auto& [tensor, part] : map.members())
    if (!found.contains(tensor))
      return fail(ErrorKind::kBadFile, file(*part.as_string()), ": tensor ", nibble::quoted(tensor),
                  " is missing, which ", kIndex, " says is there");
  return {};
}

Status HfCheckpoint::index_tensors() {
  for (const auto& part : parts_)
    for (const SafetensorsTensor& tensor : part->tensors()) tensors_.push_back({&tensor, part.get()});
  std::ranges::stable_sort(tensors_, {},
                           [](const Entry& entry) -> const std::string& { return entry.tensor->name; });
  const auto twice = std::ranges::adjacent_find(
      tensors_, [](const Entry& a, const Entry& b) { return a.tensor->name == b.tensor->name; });
  if (twice != tensors_.end())
    return fail(ErrorKind::kBadFile, directory_, ": tensor ", nibble::quoted(twice->tensor->name), " is in ",
                nibble::quoted(twice->file->path()), " and again in ",
                nibble::quoted((twice + 1)->file->path()));
  return {};
}

const HfCheckpoint::Entry* HfCheckpoint::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(
      tensors_, name, {}, [](const Entry& entry) -> std::string_view { return entry.tensor->name; });
  return at != tensors_.end() && at->tensor->name == name ? &*at : nullptr;
}

Result<std::optional<JsonDocument>> HfCheckpoint::optional_json(std::string_view name, size_t max_bytes) {
  if (std::error_code error; !fs::exists(file(name), error)) return std::nullopt;
  NIBBLE_TRY(JsonDocument document, JsonDocument::open(file(name), max_bytes));
  files_.push_back(file(name));
  if (!document.root().is_object())
    return fail(ErrorKind::kBadFile, file(name), ": is ", json_kind_name(document.root().kind()),
                ", wanted an object");
  return document;
}

Result<std::optional<std::string>> HfCheckpoint::optional_text(std::string_view name, size_t max_bytes) {
  if (std::error_code error; !fs::exists(file(name), error)) return std::nullopt;
  NIBBLE_TRY(const MappedFile mapped, MappedFile::open(file(name)));
  files_.push_back(file(name));
  if (mapped.bytes().size() > max_bytes)
    return fail(ErrorKind::kLimit, file(name), ": ", mapped.bytes().size(), " bytes, the limit is ",
                max_bytes);
  return std::string(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size());
}

}  // namespace nibble
