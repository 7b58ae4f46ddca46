#include "engine/session.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/prompt_lookup.h"
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
  forget_computed(length);
}

// Keys and values of positions from `length` on.
void Session::forget_computed(int64_t length) {
  if (sequence_.length() <= length) return;
  const std::scoped_lock lock(engine_.step_mutex());
  sequence_.truncate(length);
}

Status Session::step(std::span<const TokenId> tokens, Span::Want want) {
  const Span span{
      .sequence = &sequence_, .first_position = sequence_.length(), .tokens = tokens, .want = want};
  const size_t floats = size_t(engine_.model().output_floats(span));
  if (logits_.size() < floats) logits_.resize(floats);
  const std::scoped_lock lock(engine_.step_mutex());
  const auto start = Clock::now();
  Status done = engine_.model().forward(engine_.workspace(), {&span, 1}, std::span(logits_).first(floats));
  step_seconds_ = seconds_since(start);
  return done;
}

// Computes every pending token, at least the last one, as its logits are wanted. False when cancelled.
Result<bool> Session::prefill() {
  const int64_t count = int64_t(tokens_.size());
  forget_computed(count - 1);
  while (sequence_.length() < count) {
    if (cancelled_.load(std::memory_order_relaxed)) return false;
    const int64_t first = sequence_.length(), last = std::min(count, first + engine_.batch());
    NIBBLE_CHECK_OK(step(std::span(tokens_).subspan(size_t(first), size_t(last - first)),
                         last == count ? Span::Want::kLastLogits : Span::Want::kNothing));
    pace_.note_prefill(step_seconds_);
  }
  return true;
}

// One generation under way: samples tokens and computes the logits for the next ones, several in one pass
// where they can be guessed. Each token is sampled from its true logits in order, so guesses change neither
// the answer nor the random draws.
class Session::Answer {
 public:
  Answer(Session& session, const GenerationRequest& request, Sampler& sampler,
         const std::vector<bool>& is_stop, TextStream& stream, Generation& result)
      : session_(session),
        request_(request),
        sampler_(sampler),
        is_stop_(is_stop),
        stream_(stream),
        result_(result) {
    if (request.draft == DraftKind::kNgram && request.draft_length != 0) lookup_.emplace(session.tokens_);
  }

  // Until something ends it. The session has the logits of the timeline's last token.
  Result<FinishReason> decode() {
    while (request_.max_tokens < 0 || int64_t(result_.tokens.size()) < request_.max_tokens) {
      NIBBLE_TRY(const auto finish, next_token());
      if (finish) return *finish;
    }
    return FinishReason::kMaxTokens;
  }

 private:
  Result<std::optional<FinishReason>> next_token() {
    const Tokenizer& tokenizer = session_.engine_.tokenizer();
    const size_t vocabulary = size_t(session_.engine_.model().config().vocabulary);
    NIBBLE_TRY(const TokenId token,
               sampler_.sample(std::span(session_.logits_).subspan(row_ * vocabulary, vocabulary)));
    if (!request_.ignore_end && tokenizer.is_end_of_generation(token)) return FinishReason::kEnd;
    if (size_t(token) < is_stop_.size() && is_stop_[size_t(token)]) return FinishReason::kStop;
    sampler_.accept(token);
    result_.tokens.push_back(token);
    const bool room = int64_t(session_.tokens_.size()) < session_.engine_.context();
    if (room) session_.tokens_.push_back(token);
    stream_.push(token);
    if (stream_.stopped()) return FinishReason::kStop;
    if (stream_.refused() || session_.cancelled_.load(std::memory_order_relaxed))
      return FinishReason::kCancelled;
    if (!room) return FinishReason::kContextFull;
    if (int64_t(result_.tokens.size()) == request_.max_tokens)
      return FinishReason::kMaxTokens;  // its logits are not needed
    return advance(token);
  }

  // Logits for what follows `token`, which the timeline has.
  Result<std::optional<FinishReason>> advance(TokenId token) {
    if (lookup_) {
      if (lookup_->match() > 0) session_.pace_.note_prediction(lookup_->match(), lookup_->next() == token);
      lookup_->push(token);
    }
    if (row_ < draft_.size() && draft_[row_] == token) {
      ++row_;
      ++result_.accepted_tokens;
      session_.pace_.note_accepted();
      return std::nullopt;
    }
    session_.forget_computed(int64_t(session_.tokens_.size()) - 1);
    row_ = 0;
    guess();
    if (!draft_.empty()) {
      pass_.assign(1, token);
      pass_.insert(pass_.end(), draft_.begin(), draft_.end());
      if (session_.step(pass_, Span::Want::kAllLogits)) {
        session_.pace_.note_pass(int(draft_.size()), session_.step_seconds_);
        result_.drafted_tokens += int64_t(draft_.size());
        return std::nullopt;
      }
      draft_.clear();  // whatever is wrong may be wrong with the guesses alone
    }
    if (auto stepped = session_.step({&token, 1}, Span::Want::kLastLogits); !stepped) {
      if (stepped.error().kind == ErrorKind::kLimit) return FinishReason::kContextFull;
      return forward_error(std::move(stepped).error());
    }
    session_.pace_.note_pass(0, session_.step_seconds_);
    return std::nullopt;
  }

  // draft_: what is expected after the timeline, no more than the answer may still have.
  void guess() {
    draft_.clear();
    if (!lookup_) return;
    int64_t most =
        std::min<int64_t>(kLongestDraft, session_.engine_.context() - int64_t(session_.tokens_.size()));
    if (request_.max_tokens >= 0)
      most = std::min(most, request_.max_tokens - int64_t(result_.tokens.size()) - 1);
    const int count = request_.draft_length < 0 ? session_.pace_.choose(lookup_->match(), int(most))
                                                : int(std::min(most, request_.draft_length));
    lookup_->predict(count, draft_);
  }

  Session& session_;
  const GenerationRequest& request_;
  Sampler& sampler_;
  const std::vector<bool>& is_stop_;
  TextStream& stream_;
  Generation& result_;
  std::optional<PromptLookup> lookup_;
  std::vector<TokenId> draft_;  // tokens of the last pass after its first
  size_t row_ = 0;              // of the session's logits: those of the timeline's last token
  std::vector<TokenId> pass_;
};

Result<Generation> Session::generate(const GenerationRequest& request, const TextSink& sink) {
  cancelled_.store(false, std::memory_order_relaxed);
  const Tokenizer& tokenizer = engine_.tokenizer();
  if (tokens_.empty())
    return fail(ErrorKind::kInvalidArgument, "nothing to continue: the prompt has no tokens");
  if (request.max_tokens < -1)
    return fail(ErrorKind::kInvalidArgument, "max_tokens is ", request.max_tokens, ", wanted -1 or more");
  if (request.draft_length < -1 || request.draft_length > kLongestDraft)
    return fail(ErrorKind::kInvalidArgument, "draft_length is ", request.draft_length, ", wanted -1 to ",
                kLongestDraft);
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
  if (complete) {
    auto finish = Answer(*this, request, sampler, is_stop, stream, result).decode();
    forget_computed(int64_t(tokens_.size()));  // guesses that the answer did not come to
    NIBBLE_TRY(result.finish, std::move(finish));
  } else {
    result.finish = FinishReason::kCancelled;
  }
  stream.finish();
  if (stream.stopped()) result.finish = FinishReason::kStop;
  result.decode_seconds = seconds_since(start);
  return result;
}

}  // namespace nibble
