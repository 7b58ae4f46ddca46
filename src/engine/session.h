// One timeline of tokens over an engine: a prompt, answers, more text. What has been computed stays in the KV
// cache, so that going on costs only what is new, and going back costs nothing.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/draft_pace.h"
#include "engine/engine.h"

namespace nibble {

// Receives text as it becomes certain, always whole UTF-8 characters. False cancels the generation.
using TextSink = std::function<bool(std::string_view text)>;

struct Generation {
  std::string text;             // the answer, without stop strings
  std::vector<TokenId> tokens;  // that were chosen; the end-of-generation token or stop id is not among them
  FinishReason finish = FinishReason::kEnd;
  uint64_t seed = 0;
  int64_t prompt_tokens = 0;  // in the timeline before the answer
  int64_t reused_tokens = 0;  // of them, still in the KV cache
  double prefill_seconds = 0, decode_seconds = 0;
  int64_t drafted_tokens = 0;   // guessed ahead
  int64_t accepted_tokens = 0;  // of them, came true: each saved a pass
};

// Used by one thread at a time; cancel() from any.
class Session {
 public:
  explicit Session(Engine& engine);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  const std::vector<TokenId>& tokens() const { return tokens_; }
  // How many of them have keys and values in the cache.
  int64_t cached() const { return sequence_.length(); }

  // The text's tokens at the end of the timeline; BOS before them where the vocabulary wants it and nothing
  // stands there. kLimit when the context is too short for them; then nothing changes, as with the next two.
  Status append(std::string_view text);
  Status append(std::span<const TokenId> tokens);
  // Replaces the whole timeline; what both have in common at the front stays computed.
  Status assign(std::span<const TokenId> tokens);
  // Forgets everything from `length` on.
  void truncate(int64_t length);

  // Computes what is pending and continues the timeline until something ends the answer. The tokens stay in
  // the timeline. kInvalidArgument: an empty timeline or a bad option. An error leaves the timeline usable.
  Result<Generation> generate(const GenerationRequest& request, const TextSink& sink = {});
  // Stops the generation that is under way, between two steps. Safe in a signal handler.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  Status check_room(int64_t length) const;
  class Answer;
  Result<bool> prefill();
  Status step(std::span<const TokenId> tokens, Span::Want want);
  void forget_computed(int64_t length);

  Engine& engine_;
  std::vector<TokenId> tokens_;
  KvSequence sequence_;        // positions [0, cached()) of tokens_
  std::vector<float> logits_;  // (rows, vocabulary), of the last positions computed
  double step_seconds_ = 0;    // that the last step took
  DraftPace pace_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace nibble
