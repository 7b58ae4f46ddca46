// Any bytes as a safetensors file: parsed, and everything that it offers touched. The bytes as JSON too.
#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/json.h"
#include "formats/safetensors_walk.h"

namespace {

size_t touch(nibble::JsonValue value) {
  size_t sum = value.as_string().value_or("").size() + size_t(value.as_int().value_or(0) & 1) + value.size();
  for (const nibble::JsonValue element : value.elements()) sum += touch(element);
  for (const auto& [key, member] : value.members()) sum += key.size() + touch(member);
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = nibble::SafetensorsFile::parse(std::as_bytes(std::span(data, size)), "fuzz.safetensors");
  if (file) nibble::walk(*file);
  const auto document = nibble::JsonDocument::parse({reinterpret_cast<const char*>(data), size}, "fuzz.json");
  if (document) touch(document->root());
  return 0;
}
