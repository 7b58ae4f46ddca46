// Files that people hand to a GGUF reader by mistake, told by their first bytes.
#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/quote.h"
#include "formats/gguf_parser.h"

namespace nibble {

namespace {

struct Magic {
  std::string_view bytes;
  std::string_view meaning;
};
using namespace std::string_view_literals;
constexpr std::string_view kOldGgml = "a GGML file of before August 2023: convert the original model to GGUF";
constexpr std::string_view kTorch =
    "a PyTorch checkpoint: convert the model to GGUF (this file is a pickle, which nibble does not run)";
constexpr Magic kMagics[] = {
    {"lmgg"sv, kOldGgml},
    {"fmgg"sv, kOldGgml},
    {"tjgg"sv, kOldGgml},
    {"algg"sv, "a GGML adapter of before 2024: convert the original adapter to GGUF"},
    {"FUGG"sv, "a GGUF file with swapped bytes (big-endian), wanted little-endian"},
    {"version https://git-lfs"sv, "a Git LFS pointer: the model itself was not downloaded (git lfs pull)"},
    {"PK\x03\x04"sv, kTorch},
    {"\x80\x02"sv, kTorch},
    {"\x1F\x8B"sv, "a gzip archive: unpack it first"},
    {"\x28\xB5\x2F\xFD"sv, "a zstd archive: unpack it first"},
    {"\xFD"
     "7zXZ"sv,
     "an xz archive: unpack it first"},
    {"\x93NUMPY"sv, "a NumPy array"},
    {"\x89HDF"sv, "an HDF5 file"},
    {"\x7F"
     "ELF"sv,
     "a program"},
    {"\x08\x00\x00\x00\x12"sv, "an ONNX model"},
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// An 8-byte length, then a JSON header of that length.
bool looks_like_safetensors(std::string_view head, uint64_t file_bytes) {
  uint64_t length = 0;
  if (head.size() < 10) return false;
  std::memcpy(&length, head.data(), sizeof length);
  return head[8] == '{' && length >= 2 && length <= file_bytes - 8;
}

}  // namespace

std::string describe_foreign_bytes(std::span<const std::byte> bytes) {
  if (bytes.empty()) return "an empty file";
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 512));
  for (const Magic& magic : kMagics)
    if (head.starts_with(magic.bytes)) return std::string(magic.meaning);
  if (looks_like_safetensors(head, bytes.size())) return "a safetensors file: nibble convert makes GGUF of its directory";
  std::string_view text = head.starts_with("\xEF\xBB\xBF") ? head.substr(3) : head;
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  if (text.starts_with('<'))
    return "a web page (HTML or XML): the download got an error or login page, not the model";
  if (text.starts_with('{') || text.starts_with('[')) return concat("JSON text: ", quoted(text));
  if (std::ranges::all_of(head, [](char c) { return c == 0; }))
    return "zero bytes: an unfinished download or a torn write";
  if (std::string_view("GGUF").starts_with(head)) return "its first bytes only: a torn download";
  return concat("something unknown that starts with ", quoted(head.substr(0, 16)));
}

}  // namespace nibble
