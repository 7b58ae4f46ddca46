// Finds the tokens that are matched as text before any tokenizing: user-defined tokens always, control and
// unknown tokens only when asked. Longer tokens go first wherever they stand, as the converters of the field
// assume; of one token the leftmost occurrence goes first.
#pragma once
#include <string_view>
#include <vector>

#include "text/byte_trie.h"
#include "text/vocabulary_tokens.h"

namespace nibble {

class SpecialMatcher {
 public:
  struct Part {
    size_t begin, end;      // in the text
    TokenId id = kNoToken;  // kNoToken: ordinary text
  };

  SpecialMatcher(const VocabularyData& data, const VocabularyTokens& tokens);
  // The parts of the text in order; white space that a token swallows is in none of them.
  void split(std::string_view text, bool parse_special, std::vector<Part>& parts) const;

 private:
  struct Strips {
    bool left = false, right = false;
  };
  struct Candidate {
    size_t length, at;
    TokenId id;
  };
  static bool later(const Candidate& a, const Candidate& b);
  ByteTrie::Match longest_below(std::string_view text, size_t at, size_t limit, bool parse_special) const;
  void resolve(std::string_view text, bool parse_special, std::vector<Candidate>& heap,
               std::vector<Part>& taken) const;
  void strip_as_known(const VocabularyData& data, const VocabularyTokens& tokens);

  ByteTrie user_defined_, all_;
  std::vector<std::pair<TokenId, Strips>> strips_;  // by id
  Strips strips_of(TokenId id) const;
};

}  // namespace nibble
