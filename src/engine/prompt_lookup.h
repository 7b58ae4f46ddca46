// Drafts without a second model: what followed the last time when the timeline ended as it does now (prompt
// lookup decoding, Saxena 2023). Texts that quote, edit or continue something repeat long runs of it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "text/vocabulary.h"

namespace nibble {

class PromptLookup {
 public:
  static constexpr int kShortestMatch = 3;    // tokens that an occurrence must have in common with the end
  static constexpr int kLongestMatch = 32;    // more is not looked at
  static constexpr int kMostCandidates = 32;  // latest occurrences that are compared

  explicit PromptLookup(std::span<const TokenId> tokens);
  // The timeline has grown by one. Constant time on average.
  void push(TokenId token);

  // Tokens before the end that the occurrence has in common with it, at most kLongestMatch; 0: none was
  // found.
  int match() const { return match_; }
  // The token expected next; there is a match.
  TokenId next() const { return tokens_[size_t(source_)]; }
  // The `count` tokens expected next: what followed the occurrence, and where that reaches the end, again
  // from its beginning.
  void predict(int count, std::vector<TokenId>& out) const;

 private:
  size_t slot(int64_t end) const;  // of the kShortestMatch tokens before position `end`
  void index(int64_t end);
  int common_suffix(int64_t end) const;
  void search();

  std::vector<TokenId> tokens_;
  std::vector<int64_t> latest_;   // (a power of two) by slot: position after the latest occurrence, 0: none
  std::vector<int64_t> earlier_;  // by position: the one before in the same slot
  int64_t source_ = 0;            // position after the occurrence
  int match_ = 0;
};

}  // namespace nibble
