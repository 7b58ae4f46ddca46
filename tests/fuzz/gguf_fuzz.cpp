// Any bytes as a GGUF file: parsed, and everything that it offers touched.
#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/gguf_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = nibble::GgufFile::parse(std::as_bytes(std::span(data, size)), "fuzz.gguf");
  if (file) nibble::walk(*file);
  return 0;
}
