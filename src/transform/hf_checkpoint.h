// A Hugging Face model directory: its JSON files and the tensors of its safetensors files, found by name.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/json.h"
#include "formats/safetensors.h"

namespace nibble {

class HfCheckpoint {
 public:
  // Needs config.json and model.safetensors, or model.safetensors.index.json and the files that it names.
  static Result<HfCheckpoint> open(const std::string& directory);

  const std::string& directory() const { return directory_; }
  std::string file(std::string_view name) const;  // a path inside the directory
  JsonValue config() const { return config_->root(); }

  struct Entry {
    const SafetensorsTensor* tensor;
    const SafetensorsFile* file;
  };
  // By name, ascending.
  const std::vector<Entry>& tensors() const { return tensors_; }
  const Entry* find(std::string_view name) const;
  // Every file that was read, to be refused as an output.
  const std::vector<std::string>& files() const { return files_; }

  // A JSON file of the directory that may be absent; `max_bytes` bounds its size.
  Result<std::optional<JsonDocument>> optional_json(std::string_view name, size_t max_bytes);
  // A text file likewise.
  Result<std::optional<std::string>> optional_text(std::string_view name, size_t max_bytes);

 private:
  Status open_weights();
  Status open_parts(const JsonDocument& index);
  Status index_tensors();

  std::string directory_;
  std::optional<JsonDocument> config_;
  std::vector<std::unique_ptr<SafetensorsFile>> parts_;
  std::vector<Entry> tensors_;
  std::vector<std::string> files_;
};

inline constexpr size_t kMaxConfigBytes = size_t(16) << 20;

}  // namespace nibble
