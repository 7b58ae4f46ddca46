// Safetensors files, most of them hostile, each with what the reader must say. Shared by the tests and the
// fuzzer's corpus.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"

namespace nibble {

// A file of this header and so many bytes of data.
inline std::string safetensors_bytes(std::string_view header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes += header;
  for (size_t i = 0; i < data_bytes; ++i) bytes += char(i * 37);
  return bytes;
}

struct SafetensorsCase {
  const char* name;
  std::string bytes;
  const char* wanted;  // in the error; empty: the file is good
  ErrorKind kind = ErrorKind::kBadFile;
};

// Files whose first bytes or header as a whole are wrong, and good ones.
inline std::vector<SafetensorsCase> safetensors_header_cases() {
  const auto one = [](const char* entry, size_t data = 16) {
    return safetensors_bytes(std::string("{\"a\":") + entry + "}", data);
  };
  std::string huge = safetensors_bytes("{}", 0), beyond = huge, past_limit = huge;
  const uint64_t lengths[] = {UINT64_MAX, 3, 100'000'001};
  std::memcpy(huge.data(), &lengths[0], 8);
  std::memcpy(beyond.data(), &lengths[1], 8);
  std::memcpy(past_limit.data(), &lengths[2], 8);
  using enum ErrorKind;
  return {
      {"good",
       safetensors_bytes(
           R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]},)"
           R"("a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}  )",
           16),
       ""},
      {"no_tensors", safetensors_bytes("{}", 0), ""},
      {"scalar", one(R"({"dtype":"F64","shape":[],"data_offsets":[0,8]})", 8), ""},
      {"no_values", one(R"({"dtype":"F32","shape":[0,5],"data_offsets":[0,0]})", 0), ""},
      {"empty", "", "an empty file"},
      {"short_length", "\x02", "not a safetensors file but"},
      {"html", "<!DOCTYPE html><html></html>", "a web page"},
      {"git_lfs", "version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"},
      {"gguf", "GGUF\3", "not a safetensors file but"},
      {"array_header", safetensors_bytes("[]", 0), "not a safetensors file but"},
      {"length_huge", huge, "a header of 18446744073709551615 bytes, the limit is 100000000", kLimit},
      {"length_past_limit", past_limit, "a header of 100000001 bytes, the limit is 100000000", kLimit},
      {"length_past_end", beyond, "a header of 3 bytes in a file of 10"},
      {"torn_header", safetensors_bytes("{\"a\":", 0), "header: JSON, byte 5: wanted a value"},
      {"text_after_header", safetensors_bytes("{} x", 0), "header: JSON, byte 3: wanted the end"},
      {"deep", safetensors_bytes("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}", 0),
       "nested deeper than 64", kLimit},
      {"twice",
       safetensors_bytes(
           R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
           2),
       "key 'a' stands twice"},
      {"no_name", safetensors_bytes(R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
       "tensor '' has no name"},
  };
}

// A header that is JSON, with an entry that is wrong.
inline std::vector<SafetensorsCase> safetensors_entry_cases() {
  const auto one = [](const char* entry, size_t data = 16) {
    return safetensors_bytes(std::string("{\"a\":") + entry + "}", data);
  };
  using enum ErrorKind;
  return {
      {"entry_is_number", one("5"), "tensor 'a' is a whole number, wanted an object"},
      {"no_dtype", one(R"({"shape":[4],"data_offsets":[0,16]})"), "tensor 'a' has nothing as dtype"},
      {"dtype_is_number", one(R"({"dtype":3,"shape":[4],"data_offsets":[0,16]})"),
       "tensor 'a' has a whole number as dtype"},
      {"unknown_dtype", one(R"({"dtype":"F4","shape":[32],"data_offsets":[0,16]})"),
       "tensor 'a' has dtype 'F4', which is not known", kUnsupported},
      {"no_shape", one(R"({"dtype":"F32","data_offsets":[0,16]})"), "tensor 'a' has nothing as shape"},
      {"negative_shape", one(R"({"dtype":"F32","shape":[-4],"data_offsets":[0,16]})"),
       "tensor 'a' has -4 in shape"},
      {"real_shape", one(R"({"dtype":"F32","shape":[4.0],"data_offsets":[0,16]})"),
       "tensor 'a' has a number in shape"},
      {"rank_9", one(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,16]})"),
       "tensor 'a' has 9 numbers in shape, wanted at most 8"},
      {"shape_overflow", one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]})"),
       "tensor 'a' has a shape of 2^64 bytes or more"},
      {"shape_overflow_by_type",
       one(R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]})", 0),
       "tensor 'a' has a shape of 2^64 bytes or more"},
      {"shape_beyond_int64", one(R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,16]})"),
       "tensor 'a' has a number in shape"},
      {"wrong_size", one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,16]})"),
       "tensor 'a' has 16 bytes, wanted 12 for its shape of F32"},
      {"no_offsets", one(R"({"dtype":"F32","shape":[4]})"), "tensor 'a' has nothing as data_offsets"},
      {"one_offset", one(R"({"dtype":"F32","shape":[4],"data_offsets":[0]})"),
       "tensor 'a' has 1 data_offsets, wanted 2"},
      {"three_offsets", one(R"({"dtype":"F32","shape":[4],"data_offsets":[0,16,16]})"),
       "tensor 'a' has 3 numbers in data_offsets"},
      {"backward_offsets", one(R"({"dtype":"F32","shape":[4],"data_offsets":[16,0]})"),
       "tensor 'a' has data_offsets [16, 0]"},
      {"negative_offset", one(R"({"dtype":"F32","shape":[4],"data_offsets":[-16,0]})"),
       "tensor 'a' has -16 in data_offsets"},
      {"past_end", one(R"({"dtype":"F32","shape":[8],"data_offsets":[0,32]})"),
       "tensor 'a' ends at byte 32 of the data, the file has 16"},
      {"far_past_end",
       one(R"({"dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807]})"),
       "tensor 'a' ends at byte 9223372036854775807"},
      {"overlap",
       safetensors_bytes(
           R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[12],"data_offsets":[4,16]}})",
           16),
       "tensor 'b' starts at byte 4 of the data, inside tensor 'a', which ends at 8"},
      {"same_bytes",
       safetensors_bytes(
           R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
           8),
       "tensor 'b' starts at byte 0 of the data, inside tensor 'a'"},
      {"gap",
       safetensors_bytes(
           R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})",
           16),
       "4 bytes before tensor 'b' belong to no tensor"},
      {"bytes_after", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"),
       "8 bytes after the last tensor belong to none"},
      {"control_name",
       safetensors_bytes("{\"\\u001b[2J\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1),
       "tensor '\\x1b[2J' has 1 bytes"},
  };
}

inline std::vector<SafetensorsCase> safetensors_cases() {
  std::vector<SafetensorsCase> cases = safetensors_header_cases();
  for (SafetensorsCase& c : safetensors_entry_cases()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace nibble
