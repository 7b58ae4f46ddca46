// The tokens of a vocabulary, owned, checked and indexed: what all four kinds of tokenizer share.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/text_index.h"
#include "text/vocabulary.h"

namespace nibble {

// Stated limits of a vocabulary; beyond them creation fails with kLimit.
inline constexpr size_t kMaxTokens = size_t(1) << 24;
inline constexpr size_t kMaxTokenBytes = 4096;
inline constexpr size_t kMaxMerges = size_t(1) << 25;

// "▁" (U+2581), which stands for a space inside SentencePiece and WordPiece tokens.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

class VocabularyTokens {
 public:
  // Errors: kLimit, or kBadFile where arrays disagree in length; the message names the array.
  static Result<VocabularyTokens> create(const VocabularyData& data);

  size_t size() const { return types_.size(); }
  bool has(TokenId id) const { return id >= 0 && size_t(id) < types_.size(); }
  // The next three: `id` inside the vocabulary.
  std::string_view text(TokenId id) const {
    const size_t begin = id == 0 ? 0 : text_ends_[size_t(id) - 1];
    return {texts_.data() + begin, text_ends_[size_t(id)] - begin};
  }
  TokenType type(TokenId id) const { return types_[size_t(id)]; }
  float score(TokenId id) const { return scores_.empty() ? 0.0f : scores_[size_t(id)]; }
  // First id of a text; kNoToken for texts that are no token. Empty tokens are never found.
  TokenId find(std::string_view text) const {
    const uint32_t id = index_.find(text);
    return id == TextIndex::kMissing ? kNoToken : TokenId(id);
  }
  const TextIndex& index() const { return index_; }
  std::span<const TokenId> end_of_generation() const { return end_ids_; }
  bool is_end_of_generation(TokenId id) const { return has(id) && ends_[size_t(id)]; }
  const SpecialTokens& special() const { return special_; }
  // The byte that a token of type kByte ("<0x0A>") stands for, or -1.
  static int byte_value(std::string_view text);

 private:
  void set_special(const VocabularyData& data);
  void mark_known_texts();

  std::vector<char> texts_;  // one after the other; the index holds views of it
  std::vector<size_t> text_ends_;
  std::vector<TokenType> types_;
  std::vector<float> scores_;
  std::vector<bool> ends_;
  std::vector<TokenId> end_ids_;
  TextIndex index_;
  SpecialTokens special_;
};

}  // namespace nibble
