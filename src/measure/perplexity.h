// Perplexity of a model over a text, and how far its predictions are from those of a base model.
// Method, as the field does it: the text's ids are cut into chunks of `context`, each starting afresh with
// BOS in place of its first id where the vocabulary wants one; tokens of the second half of a chunk are
// scored, each predicted from all before it. With `documents` the text is cut after each end-of-text token
// that it spells (and the line end that may follow), and every token of a document after its first is scored.
// PPL = exp(mean of -log p). Standard errors take the scored tokens as independent.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/engine.h"

namespace nibble {

struct PerplexityOptions {
  int64_t context = 512;         // tokens of a chunk; of a document at most, the rest of it is not read
  int64_t chunks = 0;            // or documents, at most; 0: the whole text
  bool documents = false;        // the text is documents; also sets `special`
  bool special = false;          // text that spells a control token is that token
  std::string save_logits = {};  // write this model's log-probabilities here
  std::string base_logits =
      {};  // compare with those saved here; they bring their own tokens, no text is needed
};
inline constexpr ValueRange kPerplexityContextRange{8, kMaxStepTokens}, kChunksRange{0, 1 << 20};

struct Estimate {
  double value = 0, error = 0;  // and its standard error
};

// Against the base's distribution P, this model's Q.
struct Divergence {
  Estimate base_perplexity;
  Estimate log_ratio;  // mean of log(PPL / base PPL), errors of both taken together token by token
  Estimate kl;         // mean of KL(P || Q), nats a token
  double kl_median = 0, kl_p99 = 0, kl_max = 0;
  Estimate same_top;         // fraction of tokens whose most likely token is the base's
  Estimate probability_rms;  // root mean square of q - p of the token that comes, with its error
};

struct PerplexityResult {
  int64_t chunks = 0, scored = 0;
  Estimate perplexity;
  std::optional<Divergence> divergence;
};

struct PerplexityProgress {
  int64_t chunk = 0, chunks = 0;
  double perplexity = 0;  // so far
};

// Errors: a text of fewer than two chunks' halves, saved logits of another vocabulary, a full disk.
Result<PerplexityResult> measure_perplexity(
    Engine& engine, std::string_view text, const PerplexityOptions& options,
    const std::function<void(const PerplexityProgress&)>& progress = {});

}  // namespace nibble
