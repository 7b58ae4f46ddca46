// What drafts gain, or cost, on a given answer: the passes of a session that samples exactly the tokens of
// ANSWER after PROMPT, without drafts and with them, by turns. Only the texts decide which guesses come true,
// so a model with random weights will do. Limited by the weights that a pass reads, and by the multiply-adds
// of its columns.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/draft_pace.h"
#include "engine/engine.h"
#include "engine/prompt_lookup.h"

namespace nibble {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<std::string> read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::kNotFound, path, ": cannot be read");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

struct Outcome {
  double seconds = 0;
  int64_t passes = 0, drafted = 0, accepted = 0;
};

class DraftBench {
 public:
  DraftBench(Engine& engine, std::vector<TokenId> prompt, std::vector<TokenId> answer)
      : engine_(engine),
        prompt_(std::move(prompt)),
        answer_(std::move(answer)),
        sequence_(engine.kv_pool()) {}

  Result<Outcome> run(bool drafts) {
    Outcome outcome;
    DraftPace pace;
    sequence_.truncate(0);
    auto start = Clock::now();
    for (size_t at = 0; at < prompt_.size();) {
      const size_t count = std::min(prompt_.size() - at, size_t(engine_.batch()));
      NIBBLE_CHECK_OK(pass(std::span(prompt_).subspan(at, count), Span::Want::kLastLogits));
      at += count;
    }
    pace.note_prefill(seconds_since(start));
    start = Clock::now();
    PromptLookup lookup(prompt_);
    std::vector<TokenId> fed, guesses;
    for (size_t at = 0; at + 1 < answer_.size();) {
      const auto observe = [&](TokenId token) {
        if (!drafts) return;
        if (lookup.match() > 0) pace.note_prediction(lookup.match(), lookup.next() == token);
        lookup.push(token);
      };
      observe(answer_[at]);
      const int most = int(std::min<size_t>(kLongestDraft, answer_.size() - at - 2));
      lookup.predict(drafts ? pace.choose(lookup.match(), most) : 0, guesses);
      fed.assign(1, answer_[at]);
      fed.insert(fed.end(), guesses.begin(), guesses.end());
      const auto pass_start = Clock::now();
      NIBBLE_CHECK_OK(pass(fed, guesses.empty() ? Span::Want::kLastLogits : Span::Want::kAllLogits));
      pace.note_pass(int(guesses.size()), seconds_since(pass_start));
      ++at;
      for (size_t i = 0; i < guesses.size() && guesses[i] == answer_[at]; ++i) {
        observe(answer_[at++]);
        pace.note_accepted();
        ++outcome.accepted;
      }
      sequence_.truncate(int64_t(prompt_.size() + at));
      ++outcome.passes;
      outcome.drafted += int64_t(guesses.size());
    }
    outcome.seconds = seconds_since(start);
    return outcome;
  }

 private:
  Status pass(std::span<const TokenId> tokens, Span::Want want) {
    const Span span{&sequence_, sequence_.length(), tokens, want};
    logits_.resize(size_t(engine_.model().output_floats(span)));
    return engine_.model().forward(engine_.workspace(), {&span, 1}, logits_);
  }

  Engine& engine_;
  std::vector<TokenId> prompt_, answer_;
  KvSequence sequence_;
  std::vector<float> logits_;
};

Status bench(const std::vector<const char*>& words) {
  if (words.size() != 4)
    return fail(
        ErrorKind::kInvalidArgument,
        "usage: draft_bench MODEL TOKENIZER PROMPT ANSWER (files; the vocabulary of TOKENIZER is no larger)");
  NIBBLE_TRY(const auto engine, Engine::open(words[0]));
  NIBBLE_TRY(const Tokenizer tokenizer, open_tokenizer(words[1]));
  if (int64_t(tokenizer.size()) > engine->model().config().vocabulary)
    return fail(ErrorKind::kInvalidArgument, words[1], ": ", tokenizer.size(), " tokens, wanted at most ",
                engine->model().config().vocabulary);
  NIBBLE_TRY(const std::string prompt, read_file(words[2]));
  NIBBLE_TRY(const std::string answer, read_file(words[3]));
  DraftBench runs(*engine, tokenizer.encode(prompt, {.add_special = true}), tokenizer.encode(answer, {}));
  double plain = 1e30, drafted = 1e30;
  Outcome last;
  for (int round = 0; round < 2; ++round) {
    NIBBLE_TRY(const Outcome without, runs.run(false));
    NIBBLE_TRY(last, runs.run(true));
    plain = std::min(plain, without.seconds);
    drafted = std::min(drafted, last.seconds);
  }
  const int64_t tokens = last.passes + last.accepted;
  std::printf(
      "%s after %s: %lld tokens, plain %.1f/s, with drafts %.1f/s, ratio %.2f; %lld drafted, %lld accepted, "
      "%.2f tokens a pass\n",
      words[3], words[2], static_cast<long long>(tokens), double(tokens) / plain, double(tokens) / drafted,
      plain / drafted, static_cast<long long>(last.drafted), static_cast<long long>(last.accepted),
      double(tokens) / double(last.passes));
  return {};
}

}  // namespace
}  // namespace nibble

int main(int argc, char** argv) {
  const nibble::Status status = nibble::bench({argv + 1, argv + argc});
  if (status) return 0;
  std::fprintf(stderr, "draft_bench: %s\n", status.error().message.c_str());
  return 1;
}
