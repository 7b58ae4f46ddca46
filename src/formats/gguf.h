// GGUF versions 2 and 3, reading. The file is mapped, not read; tensor data is never copied. Every number in
// the file is untrusted: an error names the file, the place (byte offset, key or tensor), the value and what
// was wanted. Source: the GGUF specification (docs/formats.md, section GGUF).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/tensor_view.h"

namespace nibble {

enum class GgufType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};
std::string_view gguf_type_name(GgufType type);
// Bytes of a number or bool; 0 for strings and arrays.
uint64_t gguf_scalar_bytes(GgufType type);

// Bounds that a file must keep; they bound memory (every indexed entry costs at most 120 bytes) and time at
// open.
inline constexpr uint64_t kGgufMaxKeys = 1 << 20;
inline constexpr uint64_t kGgufMaxTensors = 1 << 20;
inline constexpr uint64_t kGgufMaxParts = 10000;
inline constexpr uint64_t kGgufMaxArrayEntries = 1 << 23;  // strings and nested arrays of all keys together
inline constexpr uint64_t kGgufMaxKeyName = 65535;
inline constexpr uint64_t kGgufMaxTensorName = 255;
inline constexpr uint64_t kGgufMinAlignment = 8, kGgufMaxAlignment = 1 << 20;
inline constexpr int kGgufMaxArrayDepth = 8;

// One metadata value: a view into the mapped file, valid while the GgufFile lives. Arrays of scalars stay raw
// bytes; arrays of strings are indexed once at open. A default value is an empty array without an element
// type of its own.
class GgufValue {
 public:
  GgufType type() const { return type_; }
  // Numbers convert when the value fits without loss (any integer type, bool excluded; float from
  // f32/f64/integers).
  std::optional<uint64_t> as_uint() const;
  std::optional<int64_t> as_int() const;
  std::optional<double> as_float() const;
  std::optional<bool> as_bool() const;
  std::optional<std::string_view> as_string() const;
  // Arrays.
  bool is_array() const { return type() == GgufType::kArray; }
  GgufType element_type() const;       // kArray when nested
  uint64_t size() const;               // elements of an array
  GgufValue at(uint64_t index) const;  // a default value when there is no such element
  std::optional<std::vector<uint64_t>> as_uints() const;
  std::optional<std::vector<int64_t>> as_ints() const;
  std::optional<std::vector<float>> as_floats() const;
  std::optional<std::vector<std::string_view>> as_strings() const;
  // The value as it stands in a file after its type: for copying it into another one.
  void append_encoded(std::string& out) const;

 private:
  friend class GgufParser;
  GgufType type_ = GgufType::kArray;
  uint64_t size_ = 0;                        // bytes of a scalar or string
  const std::byte* data_ = nullptr;          // of a scalar (unaligned) or string
  const struct GgufArray* array_ = nullptr;  // owned by the file
};

struct GgufKey {
  std::string_view name;
  GgufValue value;
};

// Name of part `index` (from 0) of a split set: STEM-00001-of-0000N.gguf.
std::string gguf_part_path(std::string_view stem, uint64_t index, uint64_t count);
// STEM of such a name, whatever its numbers, or nothing where `path` is not of that form.
std::optional<std::string_view> gguf_part_stem(std::string_view path);

class GgufFile {
 public:
  // Opens a file and, when it is the first of a split set (-00001-of-0000N.gguf), all its parts: they appear
  // as one file, without the keys split.*.
  static Result<GgufFile> open(const std::string& path);
  // Parses bytes in memory (tests, fuzzing, embedded models); `name` stands in messages. The bytes must
  // outlive the file and should be aligned to 32. Another part of a split set is not looked for: its tensors
  // are just not there.
  static Result<GgufFile> parse(std::span<const std::byte> bytes, std::string name);
  GgufFile(GgufFile&&) noexcept;
  GgufFile& operator=(GgufFile&&) noexcept;
  ~GgufFile();

  const std::string& path() const;
  std::span<const std::string> part_paths() const;  // of all files read; one where nothing is split
  uint32_t version() const;
  uint64_t alignment() const;
  uint64_t file_bytes() const;  // all parts
  std::span<const GgufKey> keys() const;
  std::optional<GgufValue> find(std::string_view key) const;
  // Typed access; absent keys give nullopt, present ones of the wrong type or range an error that names the
  // key.
  Result<std::optional<uint64_t>> get_uint(std::string_view key) const;
  Result<std::optional<double>> get_float(std::string_view key) const;
  Result<std::optional<bool>> get_bool(std::string_view key) const;
  Result<std::optional<std::string_view>> get_string(std::string_view key) const;

  std::span<const TensorView> tensors() const;
  const TensorView* find_tensor(std::string_view name) const;
  // Asks the kernel to read a tensor's pages soon.
  void prefetch(const TensorView& tensor) const;
  // Gives pages of tensor data back that are not needed soon: see MappedFile::release().
  void release(std::span<const std::byte> bytes) const;

 private:
  struct State;
  explicit GgufFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nibble
