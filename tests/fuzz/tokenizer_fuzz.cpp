// Any bytes as a vocabulary and a text: whatever the vocabulary, creating it fails or works, encoding gives
// ids that are in it, and the detokenizer gives UTF-8.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "text/detokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_model.h"

namespace {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  uint8_t byte() {
    if (rest_.empty()) return 0;
    const uint8_t first = uint8_t(rest_[0]);
    rest_.remove_prefix(1);
    return first;
  }
  std::string_view text(size_t size) {
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

constexpr const char* kModels[] = {"llama", "gpt2", "bert", "t5"};
constexpr const char* kPres[] = {"",       "llama-bpe", "gpt-2",  "qwen2", "deepseek-llm", "deepseek-coder",
                                 "falcon", "starcoder", "tekken", "gpt-4o"};

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const nibble::Tokenizer& tokenizer, std::string_view text, uint8_t flags) {
  const nibble::TokenizeOptions options = {.add_special = (flags & 1) != 0,
                                           .parse_special = (flags & 2) != 0};
  nibble::TokenizerScratch scratch;
  std::vector<nibble::TokenId> ids;
  tokenizer.encode(text, options, scratch, ids);
  if (flags & 128) {  // once to fill the cache of words, once to read it
    scratch.cache.enable();
    for (int i = 0; i < 2; ++i) {
      std::vector<nibble::TokenId> again;
      tokenizer.encode(text, options, scratch, again);
      require(ids == again);
    }
  }
  require(ids == tokenizer.encode(text, options));
  nibble::Detokenizer detokenizer(tokenizer, (flags & 4) != 0);
  for (const nibble::TokenId id : ids) {
    require(id >= 0 && size_t(id) < tokenizer.size());
    const std::string_view piece = detokenizer.push(id);
    require(detokenizer.pending() <= 3);
    require(piece.empty() || (uint8_t(piece[0]) & 0xC0) != 0x80);
  }
  detokenizer.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  nibble::VocabularyData vocabulary;
  vocabulary.model = kModels[input.byte() % std::size(kModels)];
  vocabulary.pre = kPres[input.byte() % std::size(kPres)];
  const uint8_t flags = input.byte();
  if (flags & 8) vocabulary.add_space_prefix = (flags & 16) != 0;
  if (flags & 32) vocabulary.remove_extra_whitespaces = (flags & 64) != 0;
  vocabulary.special.unknown = int8_t(input.byte());
  vocabulary.special.eos = int8_t(input.byte());
  vocabulary.precompiled_charsmap = input.text(input.byte());
  for (unsigned n = input.byte(); n > 0; --n) {
    const uint8_t shape = input.byte();
    vocabulary.tokens.push_back(input.text(shape & 15));
    vocabulary.types.push_back(shape >> 5);
    vocabulary.scores.push_back(float(int8_t(input.byte())));
  }
  for (unsigned n = input.byte(); n > 0; --n) vocabulary.merges.push_back(input.text(input.byte() & 15));
  if (const auto tokenizer = nibble::Tokenizer::create(vocabulary)) check(*tokenizer, input.rest(), flags);
  return 0;
}
