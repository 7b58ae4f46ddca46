// A tensor as it stands in a file: name, shape, format, and a view of its bytes. Nothing is copied.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "formats/quant_formats.h"

namespace nibble {

// Row of the table for an id from a file; errors name formats that are known but not supported yet.
Result<const Format*> find_format(uint32_t id);
// By name ("Q4_K", case-insensitive), for flags. The error lists the names.
Result<const Format*> find_format(std::string_view name);
const Format& format_of(FormatId id);  // id must be in the table

// Bytes of `values` values of a format stored as one tensor, trailer included; values must be whole blocks.
Result<uint64_t> format_bytes(const Format& format, uint64_t values);

struct TensorView {
  std::string name;
  const Format* format = nullptr;
  int rank = 0;
  uint64_t dims[4] = {1, 1, 1, 1};  // dims[0] is the row length (contiguous), as GGUF orders them
  std::span<const std::byte> bytes;

  uint64_t row_length() const { return dims[0]; }
  uint64_t rows() const { return dims[1] * dims[2] * dims[3]; }
  uint64_t values() const { return dims[0] * rows(); }
  uint64_t row_bytes() const { return dims[0] / format->block_values * format->block_bytes; }
};

}  // namespace nibble
