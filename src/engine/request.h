// What a caller may ask of a generation. Every default stands here, in its member initializer, and nowhere
// else; the ranges beside them are what the sampler accepts, and what flags and request fields are checked
// against.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace nibble {

struct ValueRange {
  double low, high;
};

struct LogitBias {
  TokenId token = kNoToken;
  float bias = 0;
};

// In the order in which they act (docs/sampling.md).
struct SamplingOptions {
  std::vector<LogitBias> logit_bias;  // added to the logits first of all

  // Penalties on tokens among the last `penalty_window` of prompt and answer. -1: all of the sequence; 0:
  // none.
  int64_t penalty_window = 64;
  float repetition_penalty = 1.0f;  // divides positive logits, multiplies negative ones; 1: off
  float presence_penalty = 0.0f;    // subtracted once
  float frequency_penalty = 0.0f;   // subtracted for each occurrence

  int64_t top_k = 40;        // keep the k most likely tokens; 0: all
  float typical_p = 1.0f;    // keep the tokens of most typical surprise that make up this probability; 1: off
  float top_p = 0.95f;       // keep the most likely tokens that make up this probability; 1: off
  float min_p = 0.05f;       // keep tokens at least this likely relative to the likeliest; 0: off
  float temperature = 0.8f;  // divides the logits before the draw; 0: the most likely token, no draw

  std::optional<uint64_t> seed;  // none: a new one for every generation, told in its result
};

inline constexpr ValueRange kLogitBiasRange{-1000, 1000};
inline constexpr ValueRange kPenaltyWindowRange{-1, 1 << 26};
inline constexpr ValueRange kRepetitionPenaltyRange{0.01, 100};
inline constexpr ValueRange kAdditivePenaltyRange{-100, 100};
inline constexpr ValueRange kTopKRange{0, 1 << 24};
inline constexpr ValueRange kProbabilityRange{0, 1};
inline constexpr ValueRange kTemperatureRange{0, 100};

// Whether tokens are guessed ahead and checked several in one pass. Never changes the answer
// (docs/sampling.md).
enum class DraftKind : uint8_t {
  kNone,
  kNgram,  // what followed the last time when the text ended like this
};
// "none", "ngram"
std::string_view draft_kind_name(DraftKind kind);
inline constexpr DraftKind kDraftKinds[] = {DraftKind::kNone, DraftKind::kNgram};

struct GenerationRequest {
  SamplingOptions sampling;
  DraftKind draft = DraftKind::kNgram;
  int64_t draft_length = -1;  // tokens guessed at once; -1: as many as pay, by measurement
  int64_t max_tokens = -1;    // of the answer; -1: until it ends or the context is full
  std::vector<std::string>
      stop;  // the answer ends before the first of these; they are never part of the text
  std::vector<TokenId> stop_ids;  // likewise, as tokens
  bool ignore_end = false;        // go on after end-of-generation tokens (measurements)
};
inline constexpr ValueRange kMaxTokensRange{-1, 1 << 26};
inline constexpr int kLongestDraft = 8;
inline constexpr ValueRange kDraftLengthRange{-1, kLongestDraft};
inline constexpr size_t kMaxStopStrings = 64;
inline constexpr size_t kMaxStopBytes = 4096;

enum class FinishReason : uint8_t {
  kEnd,          // the model ended its answer
  kStop,         // a stop string or stop id
  kMaxTokens,    // the request's limit
  kContextFull,  // no position left in the context, or no memory in the KV cache
  kCancelled,    // the caller asked to stop
};
// "end", "stop", "max_tokens", "context_full", "cancelled"
std::string_view finish_reason_name(FinishReason reason);

}  // namespace nibble
