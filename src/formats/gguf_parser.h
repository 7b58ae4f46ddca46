// Inside of the GGUF reader: one file's bytes into keys and tensors. Nothing outside formats/ needs it.
#pragma once
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"

namespace nibble {

struct GgufArray {
  GgufType element_type;
  uint64_t count;
  std::span<const std::byte> encoded;  // the elements as they stand in the file
  std::vector<GgufValue> elements;     // of strings and nested arrays; empty for numbers and bools
};

struct GgufContents {
  uint32_t version = 0;
  uint64_t alignment = 32;
  uint64_t data_offset = 0;  // of the tensor data in the file
  std::vector<GgufKey> keys;
  std::vector<TensorView> tensors;
  std::deque<GgufArray> arrays;  // a deque: values point into it
};

// `name` stands in messages.
Result<GgufContents> parse_gguf(std::span<const std::byte> bytes, std::string_view name);

// Why bytes that do not start with "GGUF" are no GGUF file, in words: "a safetensors file: ...".
std::string describe_foreign_bytes(std::span<const std::byte> bytes);

// Positions of `names` in ascending order of name; an error naming the first name that occurs twice. `what`
// is "key" or "tensor". Sorting, not hashing: no input makes it slow.
Result<std::vector<uint32_t>> index_by_name(std::span<const std::string_view> names, std::string_view what);

}  // namespace nibble
