// Files that a GGUF reader meets, good and hostile, each with what must be said about it. They are also the
// seed corpus of the fuzzer (tests/fuzz/corpus/gguf_fuzz).
#pragma once
#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/gguf_bytes.h"

namespace nibble {

struct GgufCase {
  std::string name;
  std::string bytes;
  std::string wanted;  // part of the error's message; empty: the file is good
  ErrorKind kind = ErrorKind::kBadFile;
};

namespace gguf_cases {

using enum GgufType;
using enum ErrorKind;
inline constexpr uint64_t k63 = uint64_t(1) << 63;

inline GgufBytes one_key() { return GgufBytes().header(0, 1); }
inline GgufBytes one_tensor() { return GgufBytes().header(1, 0); }
// One tensor of `dims`, and that many bytes of data after it.
inline std::string tensor_file(const std::vector<uint64_t>& dims, uint32_t format, uint64_t offset,
                               size_t data) {
  return one_tensor().tensor("t", dims, format, offset).pad().zeros(data).str();
}
inline std::string alignment_file(uint32_t alignment) {
  return GgufBytes().header(0, 1).key_u32("general.alignment", alignment).pad().str();
}
inline GgufBytes nested(int depth) {
  GgufBytes b = one_key();
  b.key("deep", kArray);
  for (int i = 1; i < depth; ++i) b.array(kArray, 1);
  return b.array(kUint8, 1).number<uint8_t>(7);
}

inline std::vector<GgufCase> good_cases() {
  GgufBytes gaps;  // any order, gaps between, bytes after
  gaps.header(2, 0).tensor("late", {32}, 8, 128).tensor("early", {3}, 1, 0).pad().zeros(128 + 34 + 50);
  GgufBytes aligned;
  aligned.header(2, 1).key_u32("general.alignment", 64);
  aligned.tensor("a", {2}, 0, 0).tensor("b", {256}, 14, 64).pad(64).zeros(64 + 210);
  GgufBytes bitnet;
  bitnet.header(2, 1).key_string("general.architecture", "bitnet-b1.58");
  bitnet.tensor("a", {128, 2}, 36, 0).tensor("b", {128}, 36, 96).pad().zeros(96 + 64);
  GgufBytes padded;  // as much room as IQ4_NL_4_4 would take, but it is padding
  padded.header(2, 1).key_u32("general.alignment", 256);
  padded.tensor("a", {128, 2}, 36, 0).tensor("b", {128, 2}, 36, 256).pad(256).zeros(512);
  return {
      {"i2_s_padded", padded.str(), ""},
      {"every_value_v3", every_value_file(3), ""},
      {"every_value_v2", every_value_file(2), ""},
      {"nothing", GgufBytes().header(0, 0).str(), ""},
      {"gaps", gaps.str(), ""},
      {"alignment_64", aligned.str(), ""},
      {"i2_s", bitnet.str(), ""},
      {"absent_id", one_key().key_u32("tokenizer.ggml.padding_token_id", 4294967295u).str(), ""},
      {"nested_8", nested(8).str(), ""},
      {"greatest_alignment", alignment_file(1 << 20), ""},
  };
}

inline std::vector<GgufCase> header_cases() {
  return {
      {"magic_only", "GGUF", "byte 4: header: version needs 4 bytes, 0 are left"},
      {"version_0", GgufBytes().header(0, 0, 0).str(), "version 0, wanted 2 or 3", kUnsupported},
      {"version_1", GgufBytes().header(0, 0, 1).str(), "version 1 of August 2023", kUnsupported},
      {"version_4", GgufBytes().header(0, 0, 4).str(), "version 4, wanted 2 or 3", kUnsupported},
      {"big_endian", GgufBytes().header(0, 0, 0x03000000).str(), "a big-endian file (version 3",
       kUnsupported},
      {"no_counts", GgufBytes().raw("GGUF").u32(3).str(), "tensor count needs 8 bytes, 0 are left"},
      {"no_key_count", GgufBytes().raw("GGUF").u32(3).u64(0).str(), "key count needs 8 bytes"},
      {"keys_2_63", GgufBytes().header(0, k63).zeros(100).str(),
       "a count of 9223372036854775808 keys, 100 bytes are left"},
      {"tensors_2_63", GgufBytes().header(k63, 0).zeros(100).str(), "a count of 9223372036854775808 tensors"},
      {"counts_2_64", GgufBytes().header(UINT64_MAX, UINT64_MAX).zeros(100).str(),
       "a count of 18446744073709551615 keys"},
      {"one_key_too_many", GgufBytes().header(0, 8).zeros(7 * 14 + 13).str(), "a count of 8 keys"},
  };
}

inline std::vector<GgufCase> key_cases() {
  const std::string null(1, '\0');
  return {
      {"key_name_2_63", one_key().u64(k63).zeros(50).str(),
       "key 0 of 1: name has a length of 9223372036854775808 bytes, 50"},
      {"key_name_2_64", one_key().u64(UINT64_MAX).zeros(50).str(),
       "name has a length of 18446744073709551615 bytes"},
      {"key_name_megabyte", one_key().key_u32(std::string(1 << 20, 'n'), 1).str(),
       "1048576 bytes, at most 65535"},
      {"key_name_empty", one_key().key_u32("", 1).str(), "key 0 of 1: an empty name"},
      {"key_name_control", one_key().key("a\x1b[2J" + null, GgufType(13)).zeros(9).str(),
       "key 'a\\x1b[2J\\x00'"},
      {"key_type_13", one_key().key("k", GgufType(13)).u32(0).str(),
       "key 'k': type 13 of the value, wanted 0 to 12"},
      {"key_type_max", one_key().key("k", GgufType(UINT32_MAX)).u32(0).str(), "type 4294967295 of the value"},
      {"string_2_63", one_key().key("k", kString).u64(k63).zeros(9).str(),
       "key 'k': string has a length of 9223372036854775808"},
      {"string_one_too_long", one_key().key("k", kString).u64(5).raw("text").str(),
       "length of 5 bytes, 4 are left"},
      {"scalar_cut", one_key().key("kk", kUint64).zeros(7).str(), "value needs 8 bytes, 7 are left"},
      {"array_type_99", one_key().key("k", kArray).array(GgufType(99), 1).zeros(9).str(),
       "type 99 of the array's elements"},
      {"array_2_63", one_key().key("k", kArray).array(kUint64, k63).zeros(9).str(),
       "array of 9223372036854775808 elements of type uint64"},
      {"array_overflow", one_key().key("k", kArray).array(kUint64, k63 / 4 + 1).zeros(64).str(),
       "array of 2305843009213693953 elements"},
      {"array_bytes_2_63", one_key().key("k", kArray).array(kUint8, k63).zeros(9).str(),
       "elements of type uint8, 9 bytes"},
      {"strings_2_61", one_key().key("k", kArray).array(kString, k63 / 4).zeros(64).str(),
       "elements of type string, 64 bytes"},
      {"strings_cut", one_key().key("k", kArray).array(kString, 2).string("abcdefgh").u32(1).str(),
       "string needs 8 bytes, 4 are left"},
      {"arrays_2_61", one_key().key("k", kArray).array(kArray, k63 / 4).zeros(64).str(),
       "elements of type array, 64 bytes"},
      {"nested_9", nested(9).str(), "nested deeper than 8 levels", kLimit},
      {"nested_50", nested(50).str(), "nested deeper than 8 levels", kLimit},
      {"bool_2", one_key().key("k", kBool).number<uint8_t>(2).str(), "bool of value 2, wanted 0 or 1"},
      {"bool_array_255",
       one_key().key("k", kArray).array(kBool, 2).number<uint8_t>(1).number<uint8_t>(255).str(),
       "bool of value 255"},
      {"key_twice", GgufBytes().header(0, 3).key_u32("k", 1).key_u32("j", 1).key_string("k", "x").str(),
       "test.gguf: key 'k' occurs twice (as number 0 and 2)"},
      {"alignment_0", alignment_file(0),
       "key 'general.alignment': is 0, wanted a power of two from 8 to 1048576"},
      {"alignment_48", alignment_file(48), "is 48, wanted a power of two"},
      {"alignment_4", alignment_file(4), "is 4, wanted"},
      {"alignment_2_31", alignment_file(1u << 31), "is 2147483648, wanted"},
      {"alignment_u64", one_key().key("general.alignment", kUint64).u64(32).str(),
       "is uint64, wanted uint32"},
      {"alignment_string", one_key().key_string("general.alignment", "32").str(), "is string, wanted uint32"},
  };
}

inline std::vector<GgufCase> tensor_cases() {
  const auto two = [](uint32_t format, std::vector<uint64_t> dims, uint64_t second, size_t data) {
    return GgufBytes()
        .header(2, 0)
        .tensor("a", dims, format, 0)
        .tensor("b", {8}, 0, second)
        .pad()
        .zeros(data)
        .str();
  };
  GgufBytes tl2;
  tl2.header(2, 1)
      .key_string("general.architecture", "bitnet")
      .tensor("a", {128, 8}, 39, 0)
      .tensor("b", {8}, 0, 224);
  return {
      {"tensor_cut", one_tensor().string("long name").u32(1).u64(8).u32(0).u32(0).str(),
       "tensor 'long name': offset needs 8 bytes, 4 are left"},
      {"tensor_name_megabyte",
       tensor_file({1}, 0, 0, 4)
           .insert(32, std::string(1 << 20, 'n'))
           .replace(24, 8, GgufBytes().u64((1 << 20) + 1).str()),
       "tensor 0 of 1: name has a length of 1048577 bytes, at most 255"},
      {"tensor_name_empty", one_tensor().tensor("", {1}, 0, 0).pad().zeros(4).str(),
       "tensor 0 of 1: an empty name"},
      {"tensor_twice",
       GgufBytes().header(2, 0).tensor("t", {1}, 0, 0).tensor("t", {1}, 0, 32).pad().zeros(36).str(),
       "tensor 't' occurs twice (as number 0 and 1)"},
      {"rank_0", one_tensor().tensor("t", {}, 0, 0).pad().zeros(40).str(),
       "tensor 't': 0 dimensions, wanted 1 to 4"},
      {"rank_5", tensor_file({1, 1, 1, 1, 1}, 0, 0, 4), "tensor 't': 5 dimensions, wanted 1 to 4"},
      {"rank_2_32", one_tensor().string("t").u32(UINT32_MAX).zeros(64).str(), "4294967295 dimensions"},
      {"dim_0", tensor_file({4, 0}, 0, 0, 4), "tensor 't': dimension 1 is 0"},
      {"dim_2_63", tensor_file({k63}, 0, 0, 4), "dimension 0 is 9223372036854775808: 2^63 values or more"},
      {"dims_overflow", tensor_file({1ull << 32, 1ull << 32}, 0, 0, 4),
       "dimension 1 is 4294967296: 2^63 values or more"},
      {"bytes_overflow", tensor_file({1ull << 62}, 0, 0, 4), "need more than 2^64 bytes", kLimit},
      {"row_not_whole_blocks", tensor_file({100}, 2, 0, 64),
       "rows of 100 values, Q4_0 wants a multiple of 32"},
      {"blocks_across_rows", tensor_file({16, 16}, 12, 0, 144),
       "rows of 16 values, Q4_K wants a multiple of 256"},
      {"format_iq2_xxs", tensor_file({256}, 16, 0, 66), "tensor 't': tensor format 16 is IQ2_XXS",
       kUnsupported},
      {"format_removed", tensor_file({256}, 31, 0, 144), "tensor format 31 is Q4_0_4_4: a repacked type",
       kUnsupported},
      {"format_tl1", tensor_file({256}, 38, 0, 144), "TL1 in a BitNet file", kUnsupported},
      {"format_99", tensor_file({256}, 99, 0, 144), "tensor format 99 is unknown", kUnsupported},
      {"format_max", tensor_file({256}, UINT32_MAX, 0, 144), "tensor format 4294967295 is unknown",
       kUnsupported},
      {"offset_unaligned", tensor_file({8}, 0, 16, 64), "offset 16 is no multiple of the alignment 32"},
      {"offset_past_end", tensor_file({8}, 0, 96, 64),
       "data starts at offset 96, the file has 64 bytes of data"},
      {"offset_2_64", tensor_file({8}, 0, UINT64_MAX - 31, 64), "data starts at offset 18446744073709551584"},
      {"data_cut", tensor_file({8}, 0, 32, 63),
       "data of 32 bytes at offset 32 ends past the file's 63 bytes of data"},
      {"no_data", tensor_file({8}, 0, 0, 0),
       "data of 32 bytes at offset 0 ends past the file's 0 bytes of data"},
      {"overlap", two(0, {9}, 32, 96),
       "tensor 'a': data of 36 bytes at offset 0 overlaps tensor 'b' at offset 32"},
      {"same_offset", two(0, {8}, 0, 96), "overlaps tensor"},
      {"i2_s_without_trailer", tensor_file({128}, 36, 0, 32),
       "data of 64 bytes at offset 0 ends past the file's 32 bytes"},
      {"i2_s_is_iq4_nl_4_4", two(36, {128, 8}, 576, 640), "format 36 with 576 bytes is IQ4_NL_4_4",
       kUnsupported},
      {"mxfp4_is_tl2", tl2.pad().zeros(256).str(), "format 39 with 224 bytes at offset 0 is TL2",
       kUnsupported},
  };
}

inline std::vector<GgufCase> foreign_cases() {
  const auto binary = [](std::string_view head) { return std::string(head) + std::string(60, '\1'); };
  return {
      {"foreign_empty", "", "not a GGUF file but an empty file"},
      {"foreign_torn", "GG", "its first bytes only"},
      {"foreign_zeros", std::string(64, '\0'), "zero bytes"},
      {"foreign_ggml", binary("lmgg"), "a GGML file of before August 2023"},
      {"foreign_ggjt", binary("tjgg"), "a GGML file of before August 2023"},
      {"foreign_ggla", binary("algg"), "a GGML adapter"},
      {"foreign_swapped", binary("FUGG"), "swapped bytes (big-endian)"},
      {"foreign_safetensors", GgufBytes().u64(60).raw("{\"__metadata__\":{}").zeros(60).str(),
       "a safetensors file"},
      {"foreign_html", "\r\n<!DOCTYPE html><html><body>404", "a web page"},
      {"foreign_json", "{\"error\":\"gated\"}", "JSON text: '{\"error\":\"gated\"}'"},
      {"foreign_lfs", "version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"},
      {"foreign_zip", binary("PK\x03\x04"), "a PyTorch checkpoint"},
      {"foreign_pickle", binary("\x80\x02}q"), "a PyTorch checkpoint"},
      {"foreign_gzip", binary("\x1F\x8B\x08"), "a gzip archive"},
      {"foreign_elf",
       binary("\x7F"
              "ELF"),
       "a program"},
      {"foreign_unknown", binary("hello"), "something unknown that starts with 'hello\\x01"},
  };
}

inline std::vector<GgufCase> all_cases() {
  std::vector<GgufCase> all = good_cases();
  for (auto cases : {header_cases(), key_cases(), tensor_cases(), foreign_cases()})
    std::ranges::move(cases, std::back_inserter(all));
  return all;
}

}  // namespace gguf_cases
}  // namespace nibble
