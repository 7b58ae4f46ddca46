// Unicode 15.1 classes and UTF-8, as the tokenizers of the field read it: decoding is lenient (overlong forms
// and surrogates pass), a byte that starts nothing is U+FFFD by itself.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nibble {

// The class of a code point: one bit, or none (unassigned and non-space separators). White space wins over
// every category, so a set of classes is a mask.
enum CharClass : uint8_t {
  kNumber = 1,       // \p{N}
  kLetter = 2,       // \p{L}
  kPunctuation = 4,  // \p{P}
  kMark = 8,         // \p{M}
  kSymbol = 16,      // \p{S}
  kWhite = 32,       // White_Space
  kControl = 64,     // \p{C} without unassigned
  kTextEnd = 128,    // no code point: the end of the text
};

namespace unicode_tables {  // generated
struct CodepointRun {       // first, first + stride, ... last map to themselves + delta
  uint32_t first, last, stride;
  int32_t delta;
};
inline constexpr unsigned kBlockShift = 7;
extern const uint8_t* const kClassIndex;   // block of each 128 code points
extern const uint8_t* const kClassBlocks;  // 128 classes a block
extern const CodepointRun kLowercase[], kDecomposition[];
extern const size_t kLowercaseCount, kDecompositionCount;
}  // namespace unicode_tables

inline constexpr uint32_t kReplacementCharacter = 0xFFFD;
inline constexpr uint32_t kMaxCodepoint = 0x10FFFF;

inline uint8_t codepoint_class(uint32_t codepoint) {
  using namespace unicode_tables;
  if (codepoint > kMaxCodepoint) return 0;
  const size_t block = kClassIndex[codepoint >> kBlockShift];
  return kClassBlocks[(block << kBlockShift) | (codepoint & ((1u << kBlockShift) - 1))];
}

// Simple lower case mapping; the code point itself where there is none.
uint32_t lowercase(uint32_t codepoint);
// First code point of the canonical decomposition (NFD): the letter without its accents, a Hangul syllable's
// lead.
uint32_t first_of_decomposition(uint32_t codepoint);

// Length that a first byte promises: 1 for ASCII and for continuation bytes.
inline size_t utf8_length(char lead) {
  constexpr uint8_t kLength[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
  return kLength[uint8_t(lead) >> 4];
}

// Length of the sequence at `at` (< text.size()) when a first byte and its continuation bytes are all there,
// whatever code point they make, else 0.
size_t utf8_shape(std::string_view text, size_t at);

struct Decoded {
  uint32_t codepoint;
  uint32_t length;  // bytes read, at least 1
  bool valid;       // false: the byte read stands for U+FFFD
};
// `at` < text.size(). Sequences of the right shape are taken as they are (overlong, surrogates); above
// U+10FFFF and broken shapes are invalid and read one byte.
Decoded decode_utf8(std::string_view text, size_t at);
// At most 4 bytes; returns how many.
size_t write_utf8(char* to, uint32_t codepoint);
void append_utf8(std::string& out, uint32_t codepoint);
// The text in the form the byte-level tokenizers work on: every decoded code point encoded again (invalid
// bytes become U+FFFD, overlong forms shrink). Returns `text` itself when that changes nothing, else a view
// of `storage`.
std::string_view normalized_utf8(std::string_view text, std::string& storage);

}  // namespace nibble
