// What a kind of tokenizer does: ordinary text, special tokens already taken out, into ids.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/bpe_merge.h"
#include "text/tokenizer.h"
#include "text/tokenizer_special.h"
#include "text/vocabulary_tokens.h"
#include "text/word_cache.h"

namespace nibble {

// The best way to cover a text up to some byte: the last token and where it starts.
struct UnigramStep {
  TokenId id;
  uint32_t from;
  double score;
};

// Buffers that every kind draws on; what they hold between calls is memory, and the word cache.
class TokenizerScratch {
 public:
  WordCache cache;
  std::vector<Symbol> symbols;
  MergeScratch merge;
  std::string text, word;
  std::vector<uint32_t> ends, more_ends;  // where pre-tokens end
  std::vector<UnigramStep> best;
  std::vector<SpecialMatcher::Part> parts;

  // Called before every text: starts the cache once enough text has come by, empties it for another
  // tokenizer.
  void use_for(uint64_t tokenizer, size_t bytes) {
    if (tokenizer != tokenizer_) {
      cache.clear();
      seen_ = 0;
      tokenizer_ = tokenizer;
    }
    seen_ += bytes;
    if (seen_ >= WordCache::kWorthwhile) cache.enable();
  }

 private:
  uint64_t tokenizer_ = 0;
  size_t seen_ = 0;
};

class TokenizerModel {
 public:
  virtual ~TokenizerModel() = default;
  // `first`: the text stands at the start or after a special token.
  virtual void encode(std::string_view text, bool first, TokenizerScratch& scratch,
                      std::vector<TokenId>& ids) const = 0;
  // The bytes that a token of type normal stands for.
  virtual std::string piece_of_normal(std::string_view token) const = 0;
};

// `tokens` outlives the model.
Result<std::unique_ptr<TokenizerModel>> make_spm(const VocabularyData& data, const VocabularyTokens& tokens);
Result<std::unique_ptr<TokenizerModel>> make_bpe(const VocabularyData& data, const VocabularyTokens& tokens,
                                                 std::string_view pre);
Result<std::unique_ptr<TokenizerModel>> make_wordpiece(const VocabularyData& data,
                                                       const VocabularyTokens& tokens);
Result<std::unique_ptr<TokenizerModel>> make_unigram(const VocabularyData& data,
                                                     const VocabularyTokens& tokens);

// Texts longer than this are cut before tokenizing, so that positions fit 32 bits; a seam changes no byte,
// only possibly a token.
inline constexpr size_t kMaxPart = size_t(1) << 30;

// "▁" to a space.
std::string unmark_spaces(std::string_view token);

}  // namespace nibble
