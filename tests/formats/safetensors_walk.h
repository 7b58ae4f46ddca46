// Touches everything that a parsed safetensors file offers, so that sanitizers see a wrong view.
#pragma once
#include "formats/safetensors.h"

namespace nibble {

inline uint64_t walk(const SafetensorsFile& file) {
  uint64_t sum = file.path().size();
  for (const SafetensorsTensor& tensor : file.tensors()) {
    uint64_t values = 1;
    for (const uint64_t dim : tensor.shape) values *= dim;
    if (values != tensor.values()) __builtin_trap();
    for (const std::byte byte : tensor.bytes) sum += uint64_t(byte);
    file.prefetch(tensor);
  }
  return sum;
}

}  // namespace nibble
