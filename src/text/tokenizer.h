// Text to token ids and back, for the four kinds of vocabulary found in GGUF files: SentencePiece-style
// merging by score with byte fallback ("llama"), byte-level BPE with a named pre-tokenizer ("gpt2"),
// WordPiece ("bert") and unigram ("t5"). Any bytes are accepted; invalid UTF-8 is read as U+FFFD where the
// vocabulary needs code points. Time is at most n log n in the input, the stack is bounded, and a Tokenizer
// may be used by many threads at once.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/vocabulary.h"

namespace nibble {

struct TokenizerOverrides {
  std::string pre;  // use this pre-tokenizer instead of the file's; empty: the file's
};

struct TokenizeOptions {
  bool add_special = false;    // BOS, EOS, CLS, SEP as the vocabulary says
  bool parse_special = false;  // text that spells a control token becomes that token
};

class TokenizerModel;    // one of the four kinds
class TokenizerScratch;  // reusable memory and word cache of one thread

class Tokenizer {
 public:
  // Errors: kBadFile for a vocabulary that contradicts itself, kUnsupported for an unknown model or
  // pre-tokenizer (the message names it and the ones there are).
  static Result<Tokenizer> create(const VocabularyData& data, const TokenizerOverrides& overrides = {});
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  std::vector<TokenId> encode(std::string_view text, TokenizeOptions options = {}) const;
  // Appends to `ids`; `scratch` (make_scratch) keeps buffers and cached words between calls, one thread at a
  // time.
  void encode(std::string_view text, TokenizeOptions options, TokenizerScratch& scratch,
              std::vector<TokenId>& ids) const;
  // Texts are independent; `threads` 0 means every core. Results are in the order of the texts.
  std::vector<std::vector<TokenId>> encode_batch(std::span<const std::string_view> texts,
                                                 TokenizeOptions options = {}, unsigned threads = 0) const;
  std::shared_ptr<TokenizerScratch> make_scratch() const;

  // Bytes a token stands for in text: unescaped, byte tokens as their byte. Control and unknown tokens give
  // nothing unless `special`. Ids outside the vocabulary give nothing.
  std::string_view piece(TokenId id, bool special = false) const;
  // The bytes of a whole sequence; without the leading space that a space-prefix vocabulary adds.
  std::string decode(std::span<const TokenId> ids, bool special = false) const;

  size_t size() const;                              // number of ids
  std::string_view token_text(TokenId id) const;    // as the file spells it; empty for ids outside
  TokenType token_type(TokenId id) const;           // kUnused for ids outside
  float token_score(TokenId id) const;              // 0 where the file has none
  TokenId find(std::string_view token_text) const;  // the id of an exact token text, or kNoToken
  bool is_control(TokenId id) const;
  // eos, eot and eom ids and the tokens that are known by their text (<|im_end|>, <|eot_id|>, ...).
  bool is_end_of_generation(TokenId id) const;
  std::span<const TokenId> end_of_generation() const;
  const SpecialTokens& special() const;
  bool add_bos() const;
  bool add_eos() const;
  bool strips_leading_space() const;  // decoding drops the space that encoding put before the text
  std::string_view model() const;     // "llama", "gpt2", "bert", "t5"
  std::string_view pre() const;       // pre-tokenizer in use

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nibble
