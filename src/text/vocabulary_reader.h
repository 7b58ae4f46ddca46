// The vocabulary that a GGUF file carries in its keys tokenizer.ggml.*.
#pragma once
#include "base/error.h"
#include "formats/gguf.h"
#include "text/vocabulary.h"

namespace nibble {

// The strings of the result are views into the file, which must outlive it (Tokenizer::create copies what it
// keeps). Errors: kNotFound without tokenizer.ggml.model or .tokens, kBadFile for a key of another type than
// it should have.
Result<VocabularyData> read_vocabulary(const GgufFile& file);

}  // namespace nibble
