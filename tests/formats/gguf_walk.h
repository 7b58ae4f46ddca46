// Touches everything that a parsed file offers, so that sanitizers see a wrong view. Shared with the fuzzer.
#pragma once
#include <algorithm>

#include "formats/gguf.h"
#include "formats/quant_reference.h"

namespace nibble {

inline uint64_t walk(const GgufValue& value) {
  uint64_t sum =
      value.as_uint().value_or(0) + uint64_t(value.as_int().value_or(0)) + value.as_bool().value_or(false);
  sum += value.as_float().has_value();
  if (const auto text = value.as_string())
    for (const char c : *text) sum += uint64_t(c);
  if (!value.is_array()) return sum;
  if (const auto list = value.as_uints()) sum += list->size();
  if (const auto list = value.as_ints()) sum += list->size();
  if (const auto list = value.as_floats()) sum += list->size();
  if (const auto list = value.as_strings()) sum += list->size();
  for (uint64_t i = 0; i < value.size(); ++i) sum += walk(value.at(i));
  return sum + value.at(value.size()).size();  // past the end: a default value
}

inline uint64_t walk(const GgufFile& file) {
  uint64_t sum = file.version() + file.alignment() + file.file_bytes();
  std::string encoded;
  for (const GgufKey& key : file.keys()) {
    sum += walk(key.value);
    key.value.append_encoded(encoded);
    sum += file.find(key.name).has_value();
    sum += file.get_uint(key.name).has_value() + file.get_float(key.name).has_value() +
           file.get_bool(key.name).has_value() + file.get_string(key.name).has_value();
  }
  for (const TensorView& tensor : file.tensors()) {
    for (const std::byte byte : tensor.bytes) sum += uint64_t(byte);
    sum += file.find_tensor(tensor.name) == &tensor;
    if (tensor.values() > 1 << 16) continue;
    std::vector<float> values(tensor.values());
    sum += decode_reference(tensor.format->id, tensor.bytes, values).has_value();
  }
  return sum + encoded.size();
}

}  // namespace nibble
