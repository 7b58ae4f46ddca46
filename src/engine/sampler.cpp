#include "engine/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "engine/portable_math.h"

namespace nibble {
namespace {

Status check_range(std::string_view name, double value, ValueRange range) {
  if (value >= range.low && value <= range.high) return {};
  return fail(ErrorKind::kInvalidArgument, name, " is ", value, ", wanted ", range.low, " to ", range.high);
}

// Floats as integers of the same order, so that the loop below needs no branches.
int32_t ordered(float value) {
  const int32_t bits = std::bit_cast<int32_t>(value);
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

bool all_finite(std::span<const float> values) {
  uint32_t bad = 0;
  for (float value : values) bad |= (std::bit_cast<uint32_t>(value) & 0x7F800000u) == 0x7F800000u;
  return bad == 0;
}

TokenId first_maximum(std::span<const float> logits) {
  int32_t best = ordered(logits[0]);
  for (float logit : logits) best = std::max(best, ordered(logit + 0.0f));  // -0 + 0 = +0: they are equal
  for (size_t i = 0; i < logits.size(); ++i)
    if (ordered(logits[i] + 0.0f) == best) return TokenId(i);
  return 0;
}

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEnd:
      return "end";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kMaxTokens:
      return "max_tokens";
    case FinishReason::kContextFull:
      return "context_full";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view draft_kind_name(DraftKind kind) { return kind == DraftKind::kNone ? "none" : "ngram"; }

uint64_t sampling_random(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

uint64_t fresh_seed() {
  std::random_device device;
  return device();  // 32 bits: short enough to be typed again
}

Sampler::Sampler(const SamplingOptions& options)
    : options_(options), seed_(options.seed ? *options.seed : fresh_seed()) {}

Result<Sampler> Sampler::create(const SamplingOptions& options, int64_t vocabulary) {
  if (vocabulary <= 0)
    return fail(ErrorKind::kInvalidArgument, "vocabulary of ", vocabulary, " tokens, wanted at least 1");
  NIBBLE_CHECK_OK(check_range("penalty_window", double(options.penalty_window), kPenaltyWindowRange));
  NIBBLE_CHECK_OK(check_range("repetition_penalty", options.repetition_penalty, kRepetitionPenaltyRange));
  NIBBLE_CHECK_OK(check_range("presence_penalty", options.presence_penalty, kAdditivePenaltyRange));
  NIBBLE_CHECK_OK(check_range("frequency_penalty", options.frequency_penalty, kAdditivePenaltyRange));
  NIBBLE_CHECK_OK(check_range("top_k", double(options.top_k), kTopKRange));
  NIBBLE_CHECK_OK(check_range("typical_p", options.typical_p, kProbabilityRange));
  NIBBLE_CHECK_OK(check_range("top_p", options.top_p, kProbabilityRange));
  NIBBLE_CHECK_OK(check_range("min_p", options.min_p, kProbabilityRange));
  NIBBLE_CHECK_OK(check_range("temperature", options.temperature, kTemperatureRange));
  for (const LogitBias& bias : options.logit_bias) {
    NIBBLE_CHECK_OK(check_range("logit_bias", bias.bias, kLogitBiasRange));
    if (bias.token < 0 || bias.token >= vocabulary)
      return fail(ErrorKind::kInvalidArgument, "logit_bias names token ", bias.token,
                  ", the vocabulary has ids 0 to ", vocabulary - 1);
  }
  return Sampler(options);
}

void Sampler::accept(TokenId token) {
  if (options_.penalty_window == 0) return;
  window_.push_back(token);
  ++counts_[token];
  if (options_.penalty_window > 0 && int64_t(window_.size()) > options_.penalty_window) {
    const auto oldest = counts_.find(window_.front());
    if (--oldest->second == 0) counts_.erase(oldest);
    window_.pop_front();
  }
}

void Sampler::penalize(std::span<float> logits) const {
  for (const auto& [id, count] : counts_) {
    if (id < 0 || size_t(id) >= logits.size()) continue;
    float& logit = logits[size_t(id)];
    logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
    logit -= float(count) * options_.frequency_penalty + options_.presence_penalty;
  }
}

// Leaves the k best candidates, best first.
void Sampler::keep_top_k(std::span<const float> logits, size_t k) {
  // A heap with the worst of the best at its front: almost every token fails the first comparison. Ids
  // ascend, so a later token of an equal logit is worse and needs no look.
  for (size_t i = 0; i < k; ++i) candidates_.push_back({logits[i], TokenId(i)});
  std::make_heap(candidates_.begin(), candidates_.end());
  for (size_t i = k; i < logits.size(); ++i) {
    if (logits[i] <= candidates_.front().logit) continue;
    std::pop_heap(candidates_.begin(), candidates_.end());
    candidates_.back() = {logits[i], TokenId(i)};
    std::push_heap(candidates_.begin(), candidates_.end());
  }
  std::sort_heap(candidates_.begin(), candidates_.end());
}

// Locally typical sampling (Meister et al., arXiv:2202.00666): tokens in the order of |surprise - entropy|,
// until their probability is typical_p.
void Sampler::keep_typical() {
  std::sort(candidates_.begin(), candidates_.end());
  double total = 0;
  weights_.clear();
  for (const Candidate& candidate : candidates_) {
    weights_.push_back(portable_exp(double(candidate.logit) - double(candidates_[0].logit)));
    total += weights_.back();
  }
  // surprise = -ln(p) = ln(total) - (logit - best)
  const double log_total = portable_log(total);
  const auto surprise = [&](size_t i) {
    return log_total - (double(candidates_[i].logit) - double(candidates_[0].logit));
  };
  double entropy = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) entropy += weights_[i] / total * surprise(i);
  std::vector<std::pair<double, size_t>> order(candidates_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = {std::abs(surprise(i) - entropy), i};
  std::sort(order.begin(), order.end());
  double mass = 0;
  std::vector<Candidate> kept;
  for (const auto& [distance, i] : order) {
    kept.push_back(candidates_[i]);
    mass += weights_[i] / total;
    if (mass >= double(options_.typical_p)) break;
  }
  candidates_ = std::move(kept);
  std::sort(candidates_.begin(), candidates_.end());
}

// top-p, then min-p: both keep a beginning of the sorted candidates, so only that much of them is sorted.
void Sampler::keep_likely() {
  const float best = std::min_element(candidates_.begin(), candidates_.end())->logit;
  const auto weight = [&](const Candidate& candidate) {
    return portable_exp(double(candidate.logit) - double(best));
  };
  double wanted = -1;  // top-p as a sum of weights; -1: everything
  if (options_.top_p < 1) {
    double total = 0;
    for (const Candidate& candidate : candidates_) total += weight(candidate);
    wanted = double(options_.top_p) * total;
  }
  size_t sorted = 0, kept = 0;
  double mass = 0;
  while (kept < candidates_.size()) {
    if (kept == sorted) {
      sorted = std::min(candidates_.size(), std::max<size_t>(64, sorted * 4));
      std::partial_sort(candidates_.begin() + int64_t(kept), candidates_.begin() + int64_t(sorted),
                        candidates_.end());
    }
    const double w = weight(candidates_[kept]);
    if (kept > 0 && w < double(options_.min_p)) break;
    ++kept;
    mass += w;
    if (wanted >= 0 && mass >= wanted) break;
  }
  candidates_.resize(kept);
}

TokenId Sampler::draw() {
  const float best = std::min_element(candidates_.begin(), candidates_.end())->logit;
  double total = 0;
  weights_.clear();
  for (const Candidate& candidate : candidates_) {
    weights_.push_back(portable_exp((double(candidate.logit) - double(best)) / double(options_.temperature)));
    total += weights_.back();
  }
  // 53 random bits: a number in [0, 1) times the total.
  double left = double(sampling_random(seed_, draws_++) >> 11) * 0x1p-53 * total;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    left -= weights_[i];
    if (left < 0) return candidates_[i].id;
  }
  return candidates_.back().id;  // rounding of the sum
}

Result<TokenId> Sampler::sample(std::span<float> logits) {
  if (logits.empty() || !all_finite(logits))
    return fail(ErrorKind::kInternal, "the model gave ",
                logits.empty() ? "no logits" : "a logit that is not finite");
  for (const LogitBias& bias : options_.logit_bias) logits[size_t(bias.token)] += bias.bias;
  penalize(logits);
  if (options_.temperature == 0) return first_maximum(logits);

  candidates_.clear();
  if (options_.top_k > 0 && size_t(options_.top_k) < logits.size()) {
    keep_top_k(logits, size_t(options_.top_k));
  } else {
    for (size_t i = 0; i < logits.size(); ++i) candidates_.push_back({logits[i], TokenId(i)});
  }
  if (options_.typical_p < 1) keep_typical();
  if (options_.top_p < 1 || options_.min_p > 0) keep_likely();
  return draw();
}

}  // namespace nibble
