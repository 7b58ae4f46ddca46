// Safetensors files, reading: an 8-byte little-endian length, a JSON header of that length that names every
// tensor with its type, shape and bytes, then the bytes. The file is mapped, nothing is copied. Everything in
// it is untrusted: an error names the file and the tensor, the value found and the value wanted.
// Source: the format's specification, github.com/huggingface/safetensors.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/quant_formats.h"

namespace nibble {

inline constexpr uint64_t kSafetensorsMaxHeader = 100'000'000;  // as the specification has it
inline constexpr uint64_t kSafetensorsMaxTensors = 1 << 20;
inline constexpr uint64_t kSafetensorsMaxRank = 8;

struct SafetensorsType {
  std::string_view name;           // "BF16"
  uint64_t bytes;                  // of one value
  std::optional<FormatId> format;  // the same in GGUF, for F32, F16 and BF16
};

struct SafetensorsTensor {
  std::string name;
  const SafetensorsType* type = nullptr;
  std::vector<uint64_t> shape;       // the last dimension is the contiguous one; empty: one value
  std::span<const std::byte> bytes;  // values() * type->bytes of them, not aligned
  uint64_t values() const { return bytes.size() / type->bytes; }
};

class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::string& path);
  // `bytes` must outlive the file; `name` stands in messages.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes, std::string name);
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;
  ~SafetensorsFile();

  const std::string& path() const;
  // In the order of their bytes.
  std::span<const SafetensorsTensor> tensors() const;
  // Asks the kernel to read a tensor's pages soon.
  void prefetch(const SafetensorsTensor& tensor) const;
  // Gives them back: see MappedFile::release().
  void release(const SafetensorsTensor& tensor) const;

 private:
  struct State;
  explicit SafetensorsFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nibble
