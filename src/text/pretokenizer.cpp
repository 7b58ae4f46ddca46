#include "text/pretokenizer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "text/unicode.h"

namespace nibble {
namespace {

// Class of every ASCII character, as codepoint_class gives it.
const std::array<uint8_t, 128> kAsciiClass = [] {
  std::array<uint8_t, 128> out{};
  for (uint32_t c = 0; c < out.size(); ++c) out[c] = codepoint_class(c);
  return out;
}();

struct Character {
  uint32_t codepoint;
  uint32_t length;  // bytes; 0 at the end
  uint8_t classes;
};

constexpr Character kEnd = {0xFFFFFFFF, 0, kTextEnd};

// One piece of text, [begin, end) of the whole.
class Piece {
 public:
  Piece(std::string_view text, size_t end) : text_(text.substr(0, end)) {}
  size_t end() const { return text_.size(); }
  Character at(size_t position) const {
    if (position >= text_.size()) return kEnd;
    const uint8_t byte = uint8_t(text_[position]);
    if (byte < 0x80) return {byte, 1, kAsciiClass[byte]};
    const Decoded c = decode_utf8(text_, position);
    return {c.codepoint, c.length, codepoint_class(c.codepoint)};
  }
  // First position from `position` on that is at no letter.
  size_t skip_letters(size_t position) const {
    // Eight bytes at a time: bit 7 of a byte says that it is an ASCII letter.
    constexpr uint64_t kHigh = 0x8080808080808080u, kOnes = 0x0101010101010101u;
    for (uint64_t x; position + sizeof x <= text_.size(); position += sizeof x) {
      std::memcpy(&x, text_.data() + position, sizeof x);
      if constexpr (std::endian::native == std::endian::big) break;
      const uint64_t low = (x | 0x20 * kOnes) & ~kHigh;
      const uint64_t letters = ((low | kHigh) - 'a' * kOnes) & ((kHigh | 'z' * kOnes) - low) & ~x & kHigh;
      if (letters == kHigh) continue;
      position += size_t(std::countr_zero(letters ^ kHigh)) / 8;
      if (uint8_t(text_[position]) < 0x80) return position;
      break;
    }
    return skip(position, kLetter);
  }
  // First position from `position` on whose class is not among `classes`.
  size_t skip(size_t position, uint8_t classes) const {
    for (Character c = at(position); c.classes & classes; c = at(position)) position += c.length;
    return position;
  }
  // First position whose class is among `classes` (kTextEnd always is).
  size_t skip_except(size_t position, uint8_t classes) const {
    for (Character c = at(position); !(c.classes & (classes | kTextEnd)); c = at(position))
      position += c.length;
    return position;
  }
  size_t skip_ascii(size_t position, std::string_view characters) const {
    while (position < text_.size() && characters.find(text_[position]) != characters.npos) ++position;
    return position;
  }
  char byte(size_t position) const { return position < text_.size() ? text_[position] : '\0'; }

 private:
  std::string_view text_;
};

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }

// Length of 's 't 're 've 'm 'll 'd at `position`, or 0.
size_t contraction(const Piece& piece, size_t position, bool any_case) {
  if (piece.byte(position) != '\'') return 0;
  char a = piece.byte(position + 1), b = piece.byte(position + 2);
  if (any_case) a = ascii_lower(a), b = ascii_lower(b);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
  return 0;
}

// Upper-case letters, then lower-case ones, where a letter beyond ASCII is both. With U, l and x for A-Z, a-z
// and the others: [Ux]*[lx]+ as far as that goes, else U+. `position` is at a letter.
size_t cased_letters(const Piece& piece, size_t position) {
  size_t after_other = 0;  // end of the last x in [Ux]*
  for (Character c = piece.at(position); c.classes & kLetter; c = piece.at(position)) {
    if (c.codepoint >= 'a' && c.codepoint <= 'z') {
      while ((c.classes & kLetter) && !(c.codepoint >= 'A' && c.codepoint <= 'Z')) {
        position += c.length;
        c = piece.at(position);
      }
      return position;
    }
    position += c.length;
    if (c.codepoint >= 0x80) after_other = position;
  }
  return after_other ? after_other : position;
}

size_t letters_end(const Piece& piece, size_t position, const WordRules& rules) {
  if (!rules.cased) return piece.skip_letters(position);
  const size_t end = cased_letters(piece, position);
  return rules.contractions == WordRules::Contractions::kSuffix ? end + contraction(piece, end, true) : end;
}

// \s*[\r\n]+ where asked for, else \s+(?!\S), else \s+. `position` is at white space.
size_t white_end(const Piece& piece, size_t position, const WordRules& rules) {
  size_t at = position, last = position, after_newline = 0;
  for (Character c = piece.at(at); c.classes & kWhite; c = piece.at(at)) {
    last = at;
    at += c.length;
    if (c.codepoint == '\r' || c.codepoint == '\n') after_newline = at;
  }
  if (rules.newline_runs && after_newline) return after_newline;
  if (at < piece.end() && last > position) return last;  // the last one belongs to what follows
  return at;
}

size_t word_end(const Piece& piece, size_t position, const WordRules& rules) {
  using Contractions = WordRules::Contractions;
  const Character c = piece.at(position);
  if (rules.contractions == Contractions::kLowercase || rules.contractions == Contractions::kAnyCase) {
    if (const size_t n = contraction(piece, position, rules.contractions == Contractions::kAnyCase))
      return position + n;
  }
  if (c.classes & kLetter) return letters_end(piece, position, rules);
  const Character next = piece.at(position + c.length);
  const bool space = c.codepoint == ' ';
  const bool prefixes =
      rules.any_prefix ? !(c.classes & kNumber) && c.codepoint != '\r' && c.codepoint != '\n' : space;
  if (prefixes && (next.classes & kLetter)) return letters_end(piece, position + c.length, rules);
  if (rules.digits == 0) {
    if (c.classes & kNumber) return piece.skip(position, kNumber);
    if (space && (next.classes & kNumber)) return piece.skip(position + 1, kNumber);
  } else if (c.classes & kNumber) {
    size_t end = position;
    for (unsigned n = 0; n < rules.digits && (piece.at(end).classes & kNumber); ++n)
      end += piece.at(end).length;
    return end;
  }
  const uint8_t word = kWhite | kLetter | kNumber;
  if (!((space ? next : c).classes & (word | kTextEnd)))
    return piece.skip_ascii(piece.skip_except(position + (space ? 1 : 0), word), rules.tail);
  return white_end(piece, position, rules);
}

bool contains(const CodepointSet& set, const Character& c) {
  if (c.classes & set.classes) return true;
  if (c.codepoint < 0x80) {
    if (set.ascii.find(char(c.codepoint)) != set.ascii.npos) return true;
  } else if (c.classes & (kWhite | kTextEnd)) {
    return false;
  }
  const auto range =
      std::upper_bound(set.ranges.begin(), set.ranges.end(), c.codepoint,
                       [](uint32_t value, const CodepointRange& r) { return value < r.first; });
  return range != set.ranges.begin() && c.codepoint <= std::prev(range)->last;
}

// End of the run that starts exactly at `position`, or `position` where none does.
size_t run_end(const Piece& piece, size_t position, const PretokenizerStep& step) {
  size_t at = position;
  if (step.leading_space) {
    const Character c = piece.at(position);
    if ((c.classes & kWhite) && contains(*step.set, piece.at(position + c.length))) at += c.length;
  }
  uint32_t count = 0;
  while (step.most == 0 || count < step.most) {
    const Character c = piece.at(at);
    if (c.length == 0 || !contains(*step.set, c)) break;
    at += c.length;
    ++count;
  }
  return count >= step.least ? at : position;
}

void cut_runs(const Piece& piece, size_t begin, const PretokenizerStep& step, std::vector<uint32_t>& ends) {
  size_t open = begin;  // start of what no run has covered yet
  for (size_t at = begin; at < piece.end();) {
    const size_t end = run_end(piece, at, step);
    if (end == at) {
      at += piece.at(at).length;
      continue;
    }
    if (at > open) ends.push_back(uint32_t(at));
    ends.push_back(uint32_t(end));
    open = at = end;
  }
  if (open < piece.end()) ends.push_back(uint32_t(piece.end()));
}

void cut_trailing_space(const Piece& piece, size_t begin, std::vector<uint32_t>& ends) {
  size_t open = begin;  // where the last run of white space starts
  for (size_t at = begin; at < piece.end();) {
    const Character c = piece.at(at);
    at += c.length;
    if (!(c.classes & kWhite)) open = at;
  }
  if (open > begin && open < piece.end()) ends.push_back(uint32_t(open));
  if (piece.end() > begin) ends.push_back(uint32_t(piece.end()));
}

void cut(const PretokenizerStep& step, std::string_view text, size_t begin, size_t end,
         std::vector<uint32_t>& ends) {
  const Piece piece(text, end);
  switch (step.kind) {
    case PretokenizerStep::Kind::kWords:
      for (size_t at = begin; at < end;) ends.push_back(uint32_t(at = word_end(piece, at, *step.words)));
      break;
    case PretokenizerStep::Kind::kRun:
      cut_runs(piece, begin, step, ends);
      break;
    case PretokenizerStep::Kind::kTrailingSpace:
      cut_trailing_space(piece, begin, ends);
      break;
  }
}

}  // namespace

void pretokenize(const Pretokenizer& rules, std::string_view text, std::vector<uint32_t>& ends,
                 std::vector<uint32_t>& scratch) {
  ends.clear();
  if (text.empty()) return;
  ends.push_back(uint32_t(text.size()));
  for (const PretokenizerStep& step : rules.steps) {
    scratch.swap(ends);
    ends.clear();
    size_t begin = 0;
    for (const size_t end : scratch) {
      cut(step, text, begin, end, ends);
      begin = end;
    }
  }
}

}  // namespace nibble
