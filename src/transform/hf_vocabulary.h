// The tokenizer of a Hugging Face directory as the vocabulary of a GGUF file: tokens, merges or scores,
// special ids, what is added around a text, and chat templates.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/gguf_writer.h"
#include "formats/json.h"
#include "text/vocabulary.h"
#include "transform/hf_checkpoint.h"

namespace nibble {

struct HfVocabulary {
  std::string model, pre;
  std::vector<std::string> tokens;  // one for every row of the embedding
  std::vector<float> scores;        // empty or one a token
  std::vector<int32_t> types;       // TokenType
  std::vector<std::string> merges;
  std::string precompiled_charsmap;
  SpecialTokens special;
  std::optional<bool> add_bos, add_eos, add_space_prefix, remove_extra_whitespaces, lowercase, strip_accents;
  std::string chat_template;
  std::vector<std::pair<std::string, std::string>> named_templates;
  // Control tokens that swallow the white space after them: GGUF has no key for that.
  bool strips_right = false;
  std::vector<std::string> notes;

  TokenId find(std::string_view token) const;  // kNoToken where there is none
  VocabularyData data() const;                 // views of this object
};

// `rows`: of the embedding; `pre`: the pre-tokenizer's GGUF name, or empty to tell it from tokenizer.json.
// The result has been given to the tokenizer, which took it.
Result<HfVocabulary> read_hf_vocabulary(HfCheckpoint& checkpoint, int64_t rows, const std::string& pre);
void write_vocabulary(const HfVocabulary& vocabulary, GgufWriter& writer);

// Reads tokenizer.json into tokens, types, scores or merges and what belongs to the kind (hf_tokenizer.cpp).
Status read_hf_tokenizer(JsonValue root, const std::string& path, int64_t rows, const std::string& pre,
                         HfVocabulary& out);

// One line for each part of a normalizer, pre-tokenizer or post-processor, sequences unfolded.
std::vector<JsonValue> hf_parts(JsonValue part, std::string_view list_key);

// The GGUF name of the rules by which tokenizer.json cuts text for byte-level BPE (hf_pretokenizer.cpp). The
// error shows what it says.
Result<std::string> detect_pretokenizer(JsonValue root, const std::string& path);

}  // namespace nibble
