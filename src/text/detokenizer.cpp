#include "text/detokenizer.h"

#include <cstdint>

namespace nibble {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// How far text.substr(at) goes as well-formed UTF-8 (Unicode 15.1, table 3-7): `length` bytes that are a
// character (complete), the start of one, or (length 0) none.
struct Sequence {
  size_t length;
  bool complete;
};

Sequence sequence_at(std::string_view text, size_t at) {
  const uint8_t lead = uint8_t(text[at]);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {0, false};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range keeps out overlong forms, surrogates and what lies above U+10FFFF.
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < length; ++i) {
    if (at + i >= text.size()) return {i, false};
    const uint8_t byte = uint8_t(text[at + i]);
    if (byte < (i == 1 ? low : 0x80) || byte > (i == 1 ? high : 0xBF)) return {i, false};
  }
  return {length, true};
}

}  // namespace

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool special, bool at_start)
    : tokenizer_(&tokenizer), special_(special), at_start_(at_start), fresh_(at_start) {}

std::string_view Detokenizer::push(TokenId id) {
  std::string_view piece = tokenizer_->piece(id, special_);
  if (fresh_ && !tokenizer_->is_control(id)) {
    if (tokenizer_->strips_leading_space() && piece.starts_with(' ')) piece.remove_prefix(1);
    fresh_ = false;
  }
  held_ += piece;
  out_.clear();
  size_t at = 0;
  while (at < held_.size()) {
    const Sequence s = sequence_at(held_, at);
    if (s.complete) {
      out_.append(held_, at, s.length);
      at += s.length;
    } else if (at + s.length == held_.size() && s.length > 0) {
      break;  // may still become a character
    } else {
      out_ += kReplacement;
      at += s.length > 0 ? s.length : 1;
    }
  }
  held_.erase(0, at);
  return out_;
}

std::string_view Detokenizer::finish() {
  out_.clear();
  if (!held_.empty()) out_ += kReplacement;
  held_.clear();
  fresh_ = at_start_;
  return out_;
}

}  // namespace nibble
