// Builds GGUF files byte by byte, right or wrong, without the writer under test.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"

namespace nibble {

class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBytes& u32(uint32_t value) { return number(value); }
  GgufBytes& u64(uint64_t value) { return number(value); }
  GgufBytes& string(std::string_view text) {
    u64(text.size());
    return raw(text);
  }
  GgufBytes& raw(std::string_view text) {
    out_ += text;
    return *this;
  }
  GgufBytes& header(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(tensors).u64(keys);
  }
  GgufBytes& key(std::string_view name, GgufType type) { return string(name).u32(uint32_t(type)); }
  GgufBytes& array(GgufType element, uint64_t count) { return u32(uint32_t(element)).u64(count); }
  GgufBytes& key_u32(std::string_view name, uint32_t value) {
    return key(name, GgufType::kUint32).u32(value);
  }
  GgufBytes& key_string(std::string_view name, std::string_view value) {
    return key(name, GgufType::kString).string(value);
  }
  GgufBytes& tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t format,
                    uint64_t offset) {
    string(name).u32(uint32_t(dims.size()));
    for (const uint64_t dim : dims) u64(dim);
    return u32(format).u64(offset);
  }
  GgufBytes& pad(size_t alignment = 32) {
    while (out_.size() % alignment != 0) out_ += '\0';
    return *this;
  }
  GgufBytes& zeros(size_t count) {
    out_.append(count, '\0');
    return *this;
  }
  const std::string& str() const { return out_; }

 private:
  std::string out_;
};

inline Result<GgufFile> parse_text(std::string_view text, std::string name = "test.gguf") {
  return GgufFile::parse(std::as_bytes(std::span(text)), std::move(name));
}

// A small file with every value type, nested arrays and two tensors.
inline std::string every_value_file(uint32_t version = 3) {
  using enum GgufType;
  GgufBytes b;
  b.header(2, 17, version);
  b.key("u8", kUint8).number<uint8_t>(200);
  b.key("i8", kInt8).number<int8_t>(-100);
  b.key("u16", kUint16).number<uint16_t>(60000);
  b.key("i16", kInt16).number<int16_t>(-30000);
  b.key("u32", kUint32).number<uint32_t>(4294967295u);
  b.key("i32", kInt32).number<int32_t>(-2000000000);
  b.key("f32", kFloat32).number(1.5f);
  b.key("bool", kBool).number<uint8_t>(1);
  b.key("string", kString).string("text");
  b.key("u64", kUint64).number<uint64_t>(UINT64_MAX);
  b.key("i64", kInt64).number<int64_t>(INT64_MIN);
  b.key("f64", kFloat64).number(0.1);
  b.key("strings", kArray).array(kString, 3).string("a").string("").string("ccc");
  b.key("bools", kArray).array(kBool, 3).number<uint8_t>(1).number<uint8_t>(0).number<uint8_t>(1);
  b.key("floats", kArray).array(kFloat32, 2).number(0.25f).number(-8.0f);
  b.key("empty", kArray).array(kString, 0);
  b.key("nested", kArray).array(kArray, 2);
  b.array(kUint8, 2).number<uint8_t>(1).number<uint8_t>(2);
  b.array(kArray, 1).array(kString, 1).string("deep");
  b.tensor("first", {4, 3}, 0, 0).tensor("second", {32, 2}, 2, 64);
  b.pad();
  for (int i = 0; i < 12; ++i) b.number(float(i));
  b.zeros(16);
  for (int i = 0; i < 36; ++i) b.number(uint8_t(i));
  b.zeros(28);
  return b.str();
}

}  // namespace nibble
