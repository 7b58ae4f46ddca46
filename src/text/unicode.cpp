#include "text/unicode.h"

#include <algorithm>
#include <cstring>

namespace nibble {
namespace {

uint32_t mapped(const unicode_tables::CodepointRun* runs, size_t count, uint32_t codepoint) {
  const auto* end = runs + count;
  const auto* run =
      std::upper_bound(runs, end, codepoint, [](uint32_t value, const auto& r) { return value < r.first; });
  if (run == runs) return codepoint;
  --run;
  if (codepoint > run->last || (codepoint - run->first) % run->stride != 0) return codepoint;
  return uint32_t(int64_t(codepoint) + run->delta);
}

bool is_continuation(char byte) { return (uint8_t(byte) & 0xC0) == 0x80; }

}  // namespace

uint32_t lowercase(uint32_t codepoint) {
  if (codepoint < 0x80) return codepoint - 'A' < 26 ? codepoint + 32 : codepoint;
  return mapped(unicode_tables::kLowercase, unicode_tables::kLowercaseCount, codepoint);
}

uint32_t first_of_decomposition(uint32_t codepoint) {
  if (codepoint < 0xC0) return codepoint;
  constexpr uint32_t kHangulFirst = 0xAC00, kHangulCount = 11172, kPerLead = 21 * 28, kLeadFirst = 0x1100;
  if (codepoint - kHangulFirst < kHangulCount) return kLeadFirst + (codepoint - kHangulFirst) / kPerLead;
  return mapped(unicode_tables::kDecomposition, unicode_tables::kDecompositionCount, codepoint);
}

size_t utf8_shape(std::string_view text, size_t at) {
  const uint8_t lead = uint8_t(text[at]);
  if (lead < 0x80) return 1;
  if (lead < 0xC0 || lead >= 0xF8) return 0;
  const size_t length = utf8_length(text[at]);
  if (length > text.size() - at) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[at + i])) return 0;
  }
  return length;
}

Decoded decode_utf8(std::string_view text, size_t at) {
  const size_t length = utf8_shape(text, at);
  if (length == 1) return {uint8_t(text[at]), 1, true};
  uint32_t codepoint = uint8_t(text[at]) & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) codepoint = (codepoint << 6) | (uint8_t(text[at + i]) & 0x3Fu);
  if (length == 0 || codepoint > kMaxCodepoint) return {kReplacementCharacter, 1, false};
  return {codepoint, uint32_t(length), true};
}

size_t write_utf8(char* to, uint32_t codepoint) {
  const auto tail = [&](unsigned shift) { return char(0x80 | ((codepoint >> shift) & 0x3F)); };
  if (codepoint < 0x80) {
    to[0] = char(codepoint);
    return 1;
  }
  if (codepoint < 0x800) {
    to[0] = char(0xC0 | (codepoint >> 6));
    to[1] = tail(0);
    return 2;
  }
  if (codepoint < 0x10000) {
    to[0] = char(0xE0 | (codepoint >> 12));
    to[1] = tail(6);
    to[2] = tail(0);
    return 3;
  }
  to[0] = char(0xF0 | (codepoint >> 18));
  to[1] = tail(12);
  to[2] = tail(6);
  to[3] = tail(0);
  return 4;
}

void append_utf8(std::string& out, uint32_t codepoint) {
  char bytes[4];
  out.append(bytes, write_utf8(bytes, codepoint));
}

std::string_view normalized_utf8(std::string_view text, std::string& storage) {
  constexpr uint32_t kShortest[5] = {0, 0, 0x80, 0x800, 0x10000};  // smallest code point of a length
  bool copying = false;
  size_t copied = 0;  // text[0, copied) stands in storage already
  for (size_t at = 0; at < text.size();) {
    uint64_t eight;
    if (text.size() - at >= 8 &&
        (std::memcpy(&eight, text.data() + at, 8), (eight & 0x8080808080808080u) == 0)) {
      at += 8;
      continue;
    }
    const Decoded c = decode_utf8(text, at);
    if (!c.valid || c.codepoint < kShortest[c.length]) {
      if (!copying) storage.clear();
      copying = true;
      storage.append(text, copied, at - copied);
      append_utf8(storage, c.codepoint);
      copied = at + c.length;
    }
    at += c.length;
  }
  if (!copying) return text;
  storage.append(text, copied);
  return storage;
}

}  // namespace nibble
