// GGUF version 3, writing: streamed and atomic. Keys and tensor infos first, then tensor data in the declared order,
// to a file beside the target that is synced and renamed by finish(); anything less leaves no file.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "formats/gguf.h"

namespace nibble {

class GgufWriter {
 public:
  static Result<GgufWriter> create(const std::string& path, uint32_t alignment = 32);
  // Without a file, for file_bytes() only. Errors of its data calls: kInternal.
  static Result<GgufWriter> layout(uint32_t alignment = 32);
  GgufWriter(GgufWriter&&) noexcept;
  GgufWriter& operator=(GgufWriter&&) noexcept;
  ~GgufWriter();  // removes the unfinished file

  // Keys: before the first tensor data. A key set twice keeps the later value.
  void set_uint16(std::string_view key, uint16_t value);
  void set_uint32(std::string_view key, uint32_t value);
  void set_uint64(std::string_view key, uint64_t value);
  void set_int32(std::string_view key, int32_t value);
  void set_float32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_strings(std::string_view key, std::span<const std::string> values);
  void set_strings(std::string_view key, std::span<const std::string_view> values);
  void set_floats(std::string_view key, std::span<const float> values);
  void set_int32s(std::string_view key, std::span<const int32_t> values);
  void set_uint32s(std::string_view key, std::span<const uint32_t> values);
  void set_bools(std::string_view key, std::span<const bool> values);
  void set_bytes(std::string_view key, std::string_view bytes);  // an array of uint8
  void set_value(std::string_view key, const GgufValue& value);  // copies any value of another file
  void remove(std::string_view key);

  // Declares a tensor; all are declared before the first data. dims[0] is the row length.
  Status declare_tensor(std::string_view name, std::span<const uint64_t> dims, FormatId format);
  // Size of the file with the keys and tensors of now.
  uint64_t file_bytes() const;
  const std::string& path() const;  // links resolved; empty without a file
  // Writes the header and sets disk space aside for the rest; the first data does it too.
  Status start();
  // Appends bytes of the next unfinished tensor, in order of declaration; a tensor may come in many pieces.
  Status write_tensor_data(std::span<const std::byte> bytes);
  // Checks that every tensor is complete and syncs: the file is whole but has no name yet. finish() does it too.
  Status complete();
  // Completes and renames.
  Status finish();

 private:
  struct State;
  explicit GgufWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nibble
