// Drafts change how fast an answer comes, and nothing else.
#include <gtest/gtest.h>

#include <string>

#include "engine/byte_model.h"
#include "engine/session.h"

namespace nibble {
namespace {

class DraftTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = new ByteModel; }
  static void TearDownTestSuite() {
    delete model_;
    model_ = nullptr;
  }
  static std::unique_ptr<Engine> open(const EngineOptions& options = {}) {
    auto engine = Engine::open(model_->path(), options);
    EXPECT_TRUE(engine) << engine.error().message;
    return *std::move(engine);
  }
  struct Outcome {
    Generation generation;
    std::vector<TokenId> timeline;
    std::string shown;
    Generation more;  // goes on from there
  };
  static Outcome outcome(Engine& engine, std::string_view prompt, GenerationRequest request, DraftKind draft,
                         int64_t length, int64_t pieces = -1) {
    request.draft = draft;
    request.draft_length = length;
    Session session(engine);
    EXPECT_TRUE(session.append(prompt));
    Outcome result;
    auto generation = session.generate(request, [&](std::string_view text) {
      result.shown += text;
      return pieces < 0 || --pieces > 0;
    });
    EXPECT_TRUE(generation) << generation.error().message;
    result.generation = generation.value_or(Generation{});
    result.timeline = session.tokens();
    EXPECT_LE(session.cached(), int64_t(session.tokens().size()));
    request.max_tokens = 5;
    request.stop.clear();
    if (auto more = session.generate(request)) result.more = *more;
    return result;
  }
  // Every length of drafts gives what none gives; returns what the longest accepted.
  static int64_t expect_the_same(Engine& engine, std::string_view prompt, const GenerationRequest& request,
                                 int64_t pieces = -1) {
    const Outcome plain = outcome(engine, prompt, request, DraftKind::kNone, -1, pieces);
    EXPECT_EQ(plain.generation.drafted_tokens, 0);
    int64_t accepted = 0;
    for (const int64_t length : {-1, 0, 1, 2, 3, 5, 8}) {
      const Outcome drafted = outcome(engine, prompt, request, DraftKind::kNgram, length, pieces);
      EXPECT_EQ(drafted.generation.tokens, plain.generation.tokens) << "drafts of " << length;
      EXPECT_EQ(drafted.generation.text, plain.generation.text);
      EXPECT_EQ(drafted.generation.finish, plain.generation.finish);
      EXPECT_EQ(drafted.timeline, plain.timeline);
      EXPECT_EQ(drafted.shown, plain.shown);
      EXPECT_EQ(drafted.more.tokens, plain.more.tokens) << "drafts of " << length;
      EXPECT_LE(drafted.generation.accepted_tokens, drafted.generation.drafted_tokens);
      accepted = drafted.generation.accepted_tokens;
    }
    return accepted;
  }
  static GenerationRequest request(float temperature, int64_t tokens) {
    GenerationRequest result;
    result.sampling.temperature = temperature;
    result.sampling.seed = 11;
    result.max_tokens = tokens;
    result.ignore_end = true;
    return result;
  }
  static constexpr std::string_view kRepeating = "abcabcabcabcabdabcabcabcabd";
  static inline ByteModel* model_ = nullptr;
};

TEST_F(DraftTest, GreedyAnswersAreTheSame) {
  const auto engine = open();
  // A random model falls into a loop, which is foretold once it has gone round.
  EXPECT_GT(expect_the_same(*engine, kRepeating, request(0, 200)), 10);
  expect_the_same(*engine, "Once upon", request(0, 60));
}

// Sampled from the true distribution at each position with the random numbers of plain decoding.
TEST_F(DraftTest, SampledAnswersAreTheSame) {
  const auto engine = open();
  for (const uint64_t seed : {1, 2, 3}) {
    GenerationRequest sampled = request(0.8f, 120);
    sampled.sampling.seed = seed;
    // Likely enough that guesses come true now and then.
    sampled.sampling.logit_bias = {{3 + 'a', 6}, {3 + 'b', 5}};
    EXPECT_GT(expect_the_same(*engine, kRepeating, sampled), 0) << seed;
  }
  GenerationRequest wild = request(1.5f, 60);
  wild.sampling.top_k = 0;
  wild.sampling.top_p = 1;
  wild.sampling.min_p = 0;
  expect_the_same(*engine, kRepeating, wild);
}

TEST_F(DraftTest, PenaltiesSeeEveryToken) {
  const auto engine = open();
  GenerationRequest penal = request(0, 120);
  penal.sampling.repetition_penalty = 1.1f;
  penal.sampling.presence_penalty = 0.1f;
  penal.sampling.frequency_penalty = 0.02f;
  penal.sampling.penalty_window = 40;
  penal.sampling.logit_bias = {{3 + 'a', 4}, {3 + 'b', 4}};
  expect_the_same(*engine, kRepeating, penal);
}

TEST_F(DraftTest, AnswersEndAtTheSameToken) {
  const auto engine = open();
  for (const int64_t tokens : {1, 2, 3, 7, 8, 9, 10, 33})
    expect_the_same(*engine, kRepeating, request(0, tokens));
  GenerationRequest stop = request(0, 150);
  const std::string text = outcome(*engine, kRepeating, stop, DraftKind::kNone, -1).generation.text;
  for (const size_t at : {40, 61, 90}) {
    stop.stop = {text.substr(at, 5)};
    expect_the_same(*engine, kRepeating, stop);
  }
  stop.stop.clear();
  GenerationRequest biased = request(0.8f, 150);
  biased.sampling.logit_bias = {{3 + 'a', 9}, {2, 5}};
  biased.ignore_end = false;  // and the model says so itself
  for (const uint64_t seed : {1, 2, 3, 4}) {
    biased.sampling.seed = seed;
    expect_the_same(*engine, "aaaaaaaaaaaaaaaa", biased);
  }
  biased.stop_ids = {3 + 'b'};
  biased.sampling.logit_bias.push_back({3 + 'b', 5});
  expect_the_same(*engine, "aaaaaaaaaaaaaaaa", biased);
}

TEST_F(DraftTest, TheContextEndsAtTheSamePosition) {
  for (const int64_t context : {40, 43, 64}) {
    const auto engine = open({.context = context});
    GenerationRequest endless = request(0, -1);
    endless.sampling.logit_bias = {{3 + 'a', 1000}};
    EXPECT_GT(expect_the_same(*engine, kRepeating, endless), 0);
  }
}

TEST_F(DraftTest, ARefusingSinkLeavesTheSameTimeline) {
  const auto engine = open();
  GenerationRequest biased = request(0, 100);
  biased.sampling.logit_bias = {{3 + 'a', 1000}};
  for (const int64_t pieces : {1, 4, 13}) expect_the_same(*engine, "aaaaaaaa", biased, pieces);
}

TEST_F(DraftTest, SessionsShareTheEngine) {
  const auto engine = open({.context = 128, .sessions = 2});
  Session other(*engine);
  ASSERT_TRUE(other.append("neighbour"));
  ASSERT_TRUE(other.generate(request(0, 20)));
  expect_the_same(*engine, kRepeating, request(0, 60));
}

TEST_F(DraftTest, LengthsOutOfRangeAreNamed) {
  const auto engine = open();
  Session session(*engine);
  ASSERT_TRUE(session.append("x"));
  for (const int64_t bad : {-2, 9}) {
    GenerationRequest wrong = request(0, 1);
    wrong.draft_length = bad;
    const auto generation = session.generate(wrong);
    ASSERT_FALSE(generation);
    EXPECT_NE(generation.error().message.find("draft_length"), std::string::npos);
  }
}

}  // namespace
}  // namespace nibble
