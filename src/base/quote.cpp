#include "base/quote.h"

#include "base/error.h"

namespace nibble {

std::string quoted(std::string_view text, size_t limit) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '\'' && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out += "'";
  if (text.size() > limit) out += concat("... (", text.size(), " bytes)");
  return out;
}

}  // namespace nibble
