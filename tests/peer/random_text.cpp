#include "random_text.h"

#include <cstdio>

namespace nibble::peer {
namespace {

struct Range {
  uint32_t first, last;
};
// Scripts, symbols, blanks, combining marks, unassigned and private places; surrogates come out as invalid
// bytes.
constexpr Range kRanges[] = {
    {0x00, 0x1F},       {0x21, 0x2F},       {0x30, 0x39},       {0x3A, 0x40},         {0x7B, 0x9F},
    {0xA0, 0xFF},       {0x100, 0x24F},     {0x250, 0x2FF},     {0x300, 0x36F},       {0x370, 0x3FF},
    {0x400, 0x52F},     {0x590, 0x5FF},     {0x600, 0x6FF},     {0x900, 0x97F},       {0xE00, 0xE7F},
    {0xF00, 0xFFF},     {0x10A0, 0x10FF},   {0x1100, 0x11FF},   {0x13A0, 0x13FF},     {0x1680, 0x169C},
    {0x1780, 0x17FF},   {0x1AB0, 0x1AFF},   {0x1C80, 0x1CFF},   {0x1D00, 0x1DBF},     {0x1E00, 0x1EFF},
    {0x1F00, 0x1FFF},   {0x2000, 0x206F},   {0x2070, 0x209F},   {0x20A0, 0x20CF},     {0x20D0, 0x20FF},
    {0x2100, 0x218F},   {0x2190, 0x23FF},   {0x2460, 0x24FF},   {0x2500, 0x27BF},     {0x2C00, 0x2C7F},
    {0x2DE0, 0x2E7F},   {0x2E80, 0x2FDF},   {0x3000, 0x303F},   {0x3040, 0x30FF},     {0x3130, 0x318F},
    {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA490, 0xA4CF},   {0xA640, 0xA69F},     {0xA720, 0xA7FF},
    {0xAB30, 0xABBF},   {0xAC00, 0xD7A3},   {0xD800, 0xDFFF},   {0xE000, 0xF8FF},     {0xF900, 0xFAFF},
    {0xFB00, 0xFDFF},   {0xFE00, 0xFE6F},   {0xFE70, 0xFFFF},   {0x10000, 0x101FF},   {0x10280, 0x103FF},
    {0x10400, 0x104FF}, {0x10A00, 0x10AFF}, {0x11000, 0x1107F}, {0x12000, 0x123FF},   {0x16A00, 0x16A6F},
    {0x1D400, 0x1D7FF}, {0x1E900, 0x1E95F}, {0x1EE00, 0x1EEFF}, {0x1F000, 0x1FAFF},   {0x20000, 0x2FA1F},
    {0x30000, 0x3134F}, {0xE0000, 0xE01EF}, {0xF0000, 0xF00FF}, {0x10FF00, 0x10FFFF},
};
constexpr const char* kTexts[] = {
    "'s",
    "'S",
    "'t",
    "'T",
    "'re",
    "'RE",
    "'Ve",
    "'m",
    "'ll",
    "'lL",
    "'d",
    "'D",
    "'x",
    "'",
    "\xE2\x80\x99s",
    "'\xC5\xBF",
    "<s>",
    "</s>",
    "<unk>",
    "<|endoftext|>",
    "[CLS]",
    "[SEP]",
    "[UNK]",
    "[MASK]",
    "<0x0A>",
    "\xE2\x96\x81",
    "\xE2\x96\x81\xE2\x96\x81",
    "the",
    " the",
    "The",
    "ization",
    " tokens",
    "def",
    "http://",
    "://",
    "www.",
    "ÄÖÜ",
    "ǅ",
    "straße",
    "İstanbul",
    "ﬁ",
    "2nd",
    "3.14159",
    "1e-5",
    "0x1F",
    "12345678",
    "...",
    "?!",
    "//",
    "/*",
    "*/",
    "{}",
    "();",
    "\\n",
    "\"\"",
    "``",
    "--",
    "==",
    "=>",
    "  ",
    "\n\n",
    "\r\n",
    "\t\t",
    "한국어",
    "日本語",
    "中文字",
    "ภาษาไทย",
    "हिन्दी",
    "العربية",
    "עברית",
    "🙂",
    "👨‍👩‍👧",
    "🇩🇪",
    "é",
    "e\xCC\x81",
    "①②",
    "½",
    "Ⅷ",
    "٣٤",
};
constexpr const char* kBlanks[] = {" ",
                                   " ",
                                   " ",
                                   "  ",
                                   "\n",
                                   "\n",
                                   "\r\n",
                                   "\r",
                                   "\t",
                                   "\xC2\xA0",
                                   "\xE3\x80\x80",
                                   "\xE2\x80\x83",
                                   "\xE2\x80\xA8",
                                   "\xC2\x85",
                                   "\v",
                                   "\f",
                                   "\xE2\x80\x8B",
                                   "\xE1\x9A\x80",
                                   "\x1C"};

void append_utf8(std::string& out, uint32_t c) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

// splitmix64
uint32_t RandomText::below(uint32_t bound) {
  state_ += 0x9E3779B97F4A7C15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return static_cast<uint32_t>(((z ^ (z >> 31)) >> 32) * bound >> 32);
}

void RandomText::append_code_point(std::string& out) {
  const Range range = kRanges[below(std::size(kRanges))];
  for (uint32_t n = 1 + below(3); n > 0; --n)
    append_utf8(out, range.first + below(range.last - range.first + 1));
}

void RandomText::append_invalid(std::string& out) {
  switch (below(5)) {
    case 0:  // any bytes
      for (uint32_t n = 1 + below(4); n > 0; --n) out += static_cast<char>(0x80 + below(128));
      break;
    case 1: {  // a character cut short
      std::string whole;
      append_utf8(whole, 0x80 + below(0x10FFFF - 0x80));
      out.append(whole, 0, 1 + below(static_cast<uint32_t>(whole.size()) - 1));
      break;
    }
    case 2:  // overlong
      out += below(2) ? "\xC0\xAF" : "\xE0\x80\xAF";
      break;
    case 3:  // beyond the last code point
      out += below(2) ? "\xF4\x90\x80\x80" : "\xF8\x88\x80\x80\x80";
      break;
    default:
      out += static_cast<char>(below(2) ? 0 : 0xFF);
  }
}

void RandomText::append_blanks(std::string& out) {
  for (uint32_t n = 1 + below(4); n > 0; --n) out += kBlanks[below(std::size(kBlanks))];
}

void RandomText::append_word(std::string& out) {
  const uint32_t style = below(6);
  const uint32_t length = 1 + below(style == 5 ? 30 : 9);
  for (uint32_t i = 0; i < length; ++i) {
    const char letter = static_cast<char>('a' + below(26));
    const bool upper = style == 1 || (style == 2 && i == 0) || (style == 3 && below(2));
    out += style == 4 ? static_cast<char>('0' + below(10)) : upper ? static_cast<char>(letter - 32) : letter;
  }
}

void RandomText::append_piece(std::string& out) {
  switch (below(12)) {
    case 0:
    case 1:
      append_blanks(out);
      break;
    case 2:
    case 3:
    case 4:
      append_word(out);
      break;
    case 5:
    case 6:
      append_code_point(out);
      break;
    case 7:
      append_invalid(out);
      break;
    case 8:
    case 9:
      out += kTexts[below(std::size(kTexts))];
      break;
    case 10:
      out.append(1 + below(8), static_cast<char>(33 + below(94)));
      break;
    default:
      if (!pieces_.empty()) out += pieces_[below(static_cast<uint32_t>(pieces_.size()))];
  }
}

std::string RandomText::next() {
  std::string out;
  for (uint32_t n = below(14); n > 0; --n) {
    append_piece(out);
    if (below(3) == 0) out += ' ';
  }
  return out;
}

std::string escaped(const std::string& text) {
  std::string out = "\"";
  for (const unsigned char c : text) {
    char hex[8];
    std::snprintf(hex, sizeof hex, c >= 32 && c < 127 && c != '"' && c != '\\' ? "%c" : "\\x%02X", c);
    out += hex;
  }
  return out + "\"";
}

}  // namespace nibble::peer
