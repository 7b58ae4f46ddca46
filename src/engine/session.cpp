#include "engine/session.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/sampler.h"
#include "engine/stop_matcher.h"
#include "text/detokenizer.h"

namespace nibble {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// From chosen tokens to text that may be shown: whole characters, no stop strings.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, StopMatcher stops, const TextSink& sink, std::string& text)
      : detokenizer_(tokenizer), stops_(std::move(stops)), sink_(sink), text_(text) {}

  void push(TokenId token) { emit(stops_.push(detokenizer_.push(token))); }
  void finish() {
    if (stops_.stopped()) return;
    emit(stops_.push(detokenizer_.finish()));
    if (!stops_.stopped()) emit(stops_.finish());
  }
  bool stopped() const { return stops_.stopped(); }
  bool refused() const { return refused_; }  // the sink wants no more

 private:
  void emit(std::string_view piece) {
    if (piece.empty()) return;
    text_ += piece;
    if (sink_ && !refused_) refused_ = !sink_(piece);
  }
  Detokenizer detokenizer_;
  StopMatcher stops_;
  const TextSink& sink_;
  std::string& text_;
  bool refused_ = false;
};

KvSequence make_sequence(Engine& engine) {
  const std::scoped_lock lock(engine.step_mutex());
  return KvSequence(engine.kv_pool());
}

}  // namespace

Session::Session(Engine& engine) : engine_(engine), sequence_(make_sequence(engine)) {}

Session::~Session() {
  const std::scoped_lock lock(engine_.step_mutex());
  sequence_.truncate(0);  // pages go back while the lock is held
}

Status Session::check_room(int64_t length) const {
  if (length <= engine_.context()) return {};
  return fail(ErrorKind::kLimit, length, " tokens do not fit a context of ", engine_.context(),
              " (--context)");
}

Status Session::append(std::string_view text) {
  return append(engine_.tokenizer().encode(text, {.add_special = tokens_.empty()}));
}

Status Session::append(std::span<const TokenId> tokens) {
  NIBBLE_CHECK_OK(check_room(int64_t(tokens_.size() + tokens.size())));
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  return {};
}

Status Session::assign(std::span<const TokenId> tokens) {
  NIBBLE_CHECK_OK(check_room(int64_t(tokens.size())));
  const auto [mine, theirs] = std::mismatch(tokens_.begin(), tokens_.end(), tokens.begin(), tokens.end());
  truncate(mine - tokens_.begin());
  tokens_.insert(tokens_.end(), theirs, tokens.end());
  return {};
}

void Session::truncate(int64_t length) {
  length = std::clamp<int64_t>(length, 0, int64_t(tokens_.size()));
  tokens_.resize(size_t(length));
  const std::scoped_lock lock(engine_.step_mutex());
  if (sequence_.length() > length) sequence_.truncate(length);
}

Status Session::step(std::span<const TokenId> tokens, bool want_logits) {
  const Span span{.sequence = &sequence_,
                  .first_position = sequence_.length(),
                  .tokens = tokens,
                  .want = want_logits ? Span::Want::kLastLogits : Span::Want::kNothing};
  logits_.resize(size_t(engine_.model().config().vocabulary));
  const std::span<float> outputs(logits_.data(), size_t(engine_.model().output_floats(span)));
  const std::scoped_lock lock(engine_.step_mutex());
  return engine_.model().forward(engine_.workspace(), {&span, 1}, outputs);
}

// Computes every pending token, at least the last one, as its logits are wanted. False when cancelled.
Result<bool> Session::prefill() {
  const int64_t count = int64_t(tokens_.size());
  if (sequence_.length() == count) {
    const std::scoped_lock lock(engine_.step_mutex());
    sequence_.truncate(count - 1);
  }
  while (sequence_.length() < count) {
    if (cancelled_.load(std::memory_order_relaxed)) return false;
    const int64_t first = sequence_.length(), last = std::min(count, first + engine_.batch());
    NIBBLE_CHECK_OK(step(std::span(tokens_).subspan(size_t(first), size_t(last - first)), last == count));
  }
  return true;
}

Result<Generation> Session::generate(const GenerationRequest& request, const TextSink& sink) {
  cancelled_.store(false, std::memory_order_relaxed);
  const Tokenizer& tokenizer = engine_.tokenizer();
  if (tokens_.empty())
    return fail(ErrorKind::kInvalidArgument, "nothing to continue: the prompt has no tokens");
  if (request.max_tokens < -1)
    return fail(ErrorKind::kInvalidArgument, "max_tokens is ", request.max_tokens, ", wanted -1 or more");
  NIBBLE_TRY(Sampler sampler, Sampler::create(request.sampling, engine_.model().config().vocabulary));
  NIBBLE_TRY(StopMatcher stops, StopMatcher::create(request.stop));
  std::vector<bool> is_stop(tokenizer.size(), false);
  for (TokenId id : request.stop_ids) {
    if (id < 0 || size_t(id) >= is_stop.size())
      return fail(ErrorKind::kInvalidArgument, "stop id ", id, ", wanted 0 to ", is_stop.size() - 1);
    is_stop[size_t(id)] = true;
  }

  Generation result;
  result.seed = sampler.seed();
  result.prompt_tokens = int64_t(tokens_.size());
  result.reused_tokens = std::min(sequence_.length(), result.prompt_tokens - 1);
  TextStream stream(tokenizer, std::move(stops), sink, result.text);
  for (TokenId token : tokens_) sampler.accept(token);

  auto start = Clock::now();
  NIBBLE_TRY(const bool complete, prefill());
  result.prefill_seconds = seconds_since(start);
  start = Clock::now();
  // Each turn has the logits of the timeline's last token.
  const auto decode = [&]() -> Result<FinishReason> {
    if (!complete) return FinishReason::kCancelled;
    while (request.max_tokens < 0 || int64_t(result.tokens.size()) < request.max_tokens) {
      NIBBLE_TRY(const TokenId token, sampler.sample(logits_));
      if (!request.ignore_end && tokenizer.is_end_of_generation(token)) return FinishReason::kEnd;
      if (size_t(token) < is_stop.size() && is_stop[size_t(token)]) return FinishReason::kStop;
      sampler.accept(token);
      result.tokens.push_back(token);
      const bool room = int64_t(tokens_.size()) < engine_.context();
      if (room) tokens_.push_back(token);
      stream.push(token);
      if (stream.stopped()) return FinishReason::kStop;
      if (stream.refused() || cancelled_.load(std::memory_order_relaxed)) return FinishReason::kCancelled;
      if (!room) return FinishReason::kContextFull;
      if (int64_t(result.tokens.size()) == request.max_tokens) break;  // its logits are not needed
      if (auto stepped = step({&token, 1}, true); !stepped) {
        if (stepped.error().kind == ErrorKind::kLimit) return FinishReason::kContextFull;
        return forward_error(std::move(stepped).error());
      }
    }
    return FinishReason::kMaxTokens;
  };
  NIBBLE_TRY(result.finish, decode());
  stream.finish();
  if (stream.stopped()) result.finish = FinishReason::kStop;
  result.decode_seconds = seconds_since(start);
  return result;
}

}  // namespace nibble
