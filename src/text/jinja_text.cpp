#include "text/jinja_text.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "text/jinja_case_tables.h"

namespace nibble::jinja {
namespace {

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The code point that another one maps to alone, or itself.
template <size_t N>
uint32_t map_single(const CaseRange (&ranges)[N], uint32_t code) {
  const auto* range = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                       [](uint32_t c, const CaseRange& r) { return c < r.first; });
  if (range == std::begin(ranges)) return code;
  --range;
  if (code > range->last || (code - range->first) % range->stride != 0) return code;
  return static_cast<uint32_t>(static_cast<int32_t>(code) + range->delta);
}

template <size_t N>
const CaseExpansion* find_expansion(const CaseExpansion (&expansions)[N], uint32_t code) {
  const auto* found = std::lower_bound(std::begin(expansions), std::end(expansions), code,
                                       [](const CaseExpansion& e, uint32_t c) { return e.from < c; });
  return found != std::end(expansions) && found->from == code ? found : nullptr;
}

template <size_t R, size_t E>
void append_mapped(std::string& out, const CaseRange (&ranges)[R], const CaseExpansion (&expansions)[E],
                   uint32_t code) {
  if (const CaseExpansion* expansion = find_expansion(expansions, code)) {
    for (uint32_t part : expansion->to) {
      if (part != 0) append_code_point(out, part);
    }
  } else {
    append_code_point(out, map_single(ranges, code));
  }
}

bool is_cased(uint32_t code) {
  return map_single(kLowerRanges, code) != code || map_single(kUpperRanges, code) != code ||
         find_expansion(kUpperExpansions, code) != nullptr;
}

// Marks that do not interrupt a word (of Unicode's Case_Ignorable, those that follow letters in real text).
bool is_case_ignorable(uint32_t code) {
  return code == '\'' || code == '.' || code == ':' || code == '^' || code == '`' || code == 0xA8 ||
         code == 0xAD || code == 0xB4 || code == 0xB7 || code == 0x2019 || (code >= 0x300 && code <= 0x36F);
}

// A capital sigma ends a word when a letter stands before it and none after it.
bool is_final_sigma(std::string_view text, size_t sigma, size_t after) {
  bool letter_before = false;
  for (size_t at = sigma; at > 0;) {
    const CodePoint code = code_point_before(text, at);
    at -= code.length;
    if (is_case_ignorable(code.value)) continue;
    letter_before = is_cased(code.value);
    break;
  }
  if (!letter_before) return false;
  for (size_t at = after; at < text.size();) {
    const CodePoint code = code_point_at(text, at);
    at += code.length;
    if (!is_case_ignorable(code.value)) return !is_cased(code.value);
  }
  return true;
}

}  // namespace

CodePoint code_point_at(std::string_view text, size_t offset) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[offset + i]); };
  const size_t left = text.size() - offset;
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const uint32_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || length > left) return {kInvalidCodePoint, 1};
  uint32_t value = lead & (0x7Fu >> length);
  for (uint32_t i = 1; i < length; ++i) {
    if (!is_continuation(byte(i))) return {kInvalidCodePoint, 1};
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return {kInvalidCodePoint, 1};
  return {value, length};
}

CodePoint code_point_before(std::string_view text, size_t offset) {
  const size_t reach = std::min<size_t>(offset, 4);
  for (size_t back = 1; back <= reach; ++back) {
    if (is_continuation(static_cast<unsigned char>(text[offset - back]))) continue;
    const CodePoint code = code_point_at(text.substr(0, offset), offset - back);
    if (code.length == back) return code;
    break;
  }
  return {kInvalidCodePoint, 1};
}

size_t code_point_count(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += code_point_at(text, at).length) ++count;
  return count;
}

void append_code_point(std::string& out, uint32_t value) {
  if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) value = 0xFFFD;
  if (value < 0x80) {
    out += static_cast<char>(value);
    return;
  }
  const int continuations = value < 0x800 ? 1 : value < 0x10000 ? 2 : 3;
  constexpr unsigned char kLeads[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLeads[continuations] | (value >> (6 * continuations)));
  for (int i = continuations - 1; i >= 0; --i) out += static_cast<char>(0x80 | ((value >> (6 * i)) & 0x3F));
}

bool is_space(uint32_t code) {
  if (code < 0x80) return code == ' ' || (code >= 9 && code <= 13);
  return code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
         code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000 || code == 0xFEFF;
}

std::string_view strip_left(std::string_view text) {
  while (!text.empty()) {
    const CodePoint code = code_point_at(text, 0);
    if (!is_space(code.value)) break;
    text.remove_prefix(code.length);
  }
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty()) {
    const CodePoint code = code_point_before(text, text.size());
    if (!is_space(code.value)) break;
    text.remove_suffix(code.length);
  }
  return text;
}

size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (wanted.empty()) return from;
  // std::string_view::find is quadratic on "aaa...b" in "aaa...a"; memmem is not.
  const void* found = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return found ? static_cast<size_t>(static_cast<const char*>(found) - text.data()) : std::string_view::npos;
}

namespace {

// `ascii(byte)` of every ASCII character, `other(out, code, at)` appends what becomes of the others; bytes
// that are no UTF-8 stay.
template <class Ascii, class Other>
std::string with_case(std::string_view text, Ascii ascii, Other other) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint code = code_point_at(text, at);
    if (code.value == kInvalidCodePoint)
      out += text[at];
    else if (code.value < 0x80)
      out += ascii(text[at]);
    else
      other(out, code, at);
    at += code.length;
  }
  return out;
}

}  // namespace

std::string to_upper(std::string_view text) {
  return with_case(
      text, [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; },
      [](std::string& out, const CodePoint& code, size_t) {
        append_mapped(out, kUpperRanges, kUpperExpansions, code.value);
      });
}

std::string to_lower(std::string_view text) {
  constexpr uint32_t kCapitalSigma = 0x3A3, kFinalSigma = 0x3C2;
  return with_case(
      text, [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; },
      [text](std::string& out, const CodePoint& code, size_t at) {
        if (code.value == kCapitalSigma && is_final_sigma(text, at, at + code.length))
          append_code_point(out, kFinalSigma);
        else
          append_mapped(out, kLowerRanges, kLowerExpansions, code.value);
      });
}

}  // namespace nibble::jinja
