// Token ids to text as they come, never half a UTF-8 character: bytes of an incomplete character are held
// back until the tokens that complete it arrive. Bytes that cannot become valid UTF-8 are replaced by U+FFFD
// as soon as that is certain, one for each maximal invalid subpart (Unicode 15.1, section 3.9), so that the
// output is always valid UTF-8 and fits JSON; Tokenizer::decode gives the raw bytes instead.
#pragma once
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace nibble {

class Detokenizer {
 public:
  // `special`: control tokens are written as their text. `at_start`: the first token begins a text, so that
  // the space a space-prefix vocabulary adds is dropped (false for a continuation of a prompt).
  explicit Detokenizer(const Tokenizer& tokenizer, bool special = false, bool at_start = false);
  // What has become complete; the view lasts until the next call. Empty when the character is still open.
  std::string_view push(TokenId id);
  // The end of the text: an incomplete character becomes U+FFFD. Ready for another text afterwards.
  std::string_view finish();
  // Bytes held back at present (at most 3).
  size_t pending() const { return held_.size(); }

 private:
  const Tokenizer* tokenizer_;
  bool special_;
  bool at_start_;
  bool fresh_;        // nothing pushed yet
  std::string held_;  // the start of a character
  std::string out_;
};

}  // namespace nibble
