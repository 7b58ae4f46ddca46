// Text as templates see it: UTF-8 by code points, with the white space and the letter cases of Unicode. Bytes
// that are no UTF-8 count as one code point each and are carried through unchanged.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace nibble::jinja {

struct CodePoint {
  uint32_t value = 0;   // kInvalid for a stray byte
  uint32_t length = 1;  // bytes
};
constexpr uint32_t kInvalidCodePoint = 0xFFFFFFFFu;

CodePoint code_point_at(std::string_view text, size_t offset);      // needs offset < text.size()
CodePoint code_point_before(std::string_view text, size_t offset);  // needs 0 < offset <= text.size()
size_t code_point_count(std::string_view text);
void append_code_point(std::string& out, uint32_t value);  // surrogates and values too large become U+FFFD

// What ECMAScript's trim() and \s take for white space: Unicode Zs, line ends, tab, VT, FF and U+FEFF.
bool is_space(uint32_t code_point);
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);

// Offset of the first `wanted` at or after `from`, npos without one. Linear in the text, whatever the two hold.
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);

// Full case mappings of Unicode (one code point may become three; a final sigma is seen).
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);

}  // namespace nibble::jinja
