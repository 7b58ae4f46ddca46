// From logits to a token: bias, penalties, filters, temperature, draw, in the order of docs/sampling.md. The
// same logits, options and seed give the same token on every machine: no library exp or log, our own random
// numbers.
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "engine/request.h"

namespace nibble {

// Random numbers addressed by index: draw i of seed s is a function of (s, i) alone, so a draw does not
// depend on what was drawn before. The splitmix64 sequence (Steele, Lea, Flood: Fast splittable pseudorandom
// number generators, 2014).
uint64_t sampling_random(uint64_t seed, uint64_t index);
// A seed for those who name none, from the operating system.
uint64_t fresh_seed();

class Sampler {
 public:
  // kInvalidArgument for options out of their ranges or biases outside the vocabulary; names the option.
  static Result<Sampler> create(const SamplingOptions& options, int64_t vocabulary);

  // Notes a token of the prompt or the answer for the penalties.
  void accept(TokenId token);
  // Chooses a token; `logits` (vocabulary) are changed. kInternal when one is not finite. Equal logits:
  // lowest id wins.
  Result<TokenId> sample(std::span<float> logits);
  uint64_t seed() const { return seed_; }

 private:
  struct Candidate {
    float logit;
    TokenId id;
    bool operator<(const Candidate& other) const {  // better first
      return logit != other.logit ? logit > other.logit : id < other.id;
    }
  };
  explicit Sampler(const SamplingOptions& options);
  void penalize(std::span<float> logits) const;
  void keep_top_k(std::span<const float> logits, size_t k);
  void keep_typical();
  void keep_likely();
  TokenId draw();

  SamplingOptions options_;
  uint64_t seed_ = 0, draws_ = 0;
  std::deque<TokenId> window_;
  std::unordered_map<TokenId, int64_t> counts_;  // of the tokens in window_
  std::vector<Candidate> candidates_;
  std::vector<double> weights_;  // scratch, by candidate
};

}  // namespace nibble
