#include "engine/session.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/byte_model.h"

namespace nibble {
namespace {

class SessionTest : public testing::Test {
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
  static GenerationRequest greedy(int64_t tokens) {
    GenerationRequest request;
    request.sampling.temperature = 0;
    request.max_tokens = tokens;
    request.ignore_end = true;
    return request;
  }
  static Generation generate(Session& session, const GenerationRequest& request, const TextSink& sink = {}) {
    auto generation = session.generate(request, sink);
    EXPECT_TRUE(generation) << generation.error().message;
    return generation.value_or(Generation{});
  }
  static inline ByteModel* model_ = nullptr;
};

TEST_F(SessionTest, ContinuingIsTheSameAsOneLongAnswer) {
  const auto engine = open();
  Session whole(*engine), parts(*engine);
  ASSERT_TRUE(whole.append("Hello, world"));
  ASSERT_TRUE(parts.append("Hello, world"));
  const Generation expected = generate(whole, greedy(30));
  ASSERT_EQ(expected.tokens.size(), 30u);
  std::vector<TokenId> got;
  for (int i = 0; i < 3; ++i) {
    const Generation part = generate(parts, greedy(10));
    got.insert(got.end(), part.tokens.begin(), part.tokens.end());
    EXPECT_EQ(part.finish, FinishReason::kMaxTokens);
  }
  EXPECT_EQ(got, expected.tokens);
  EXPECT_EQ(parts.tokens(), whole.tokens());
}

TEST_F(SessionTest, BatchesAndThreadsChangeNothing) {
  const auto reference = open();
  Session session(*reference);
  ASSERT_TRUE(session.append("The quick brown fox jumps over the lazy dog."));
  const Generation expected = generate(session, greedy(20));
  for (int64_t batch : {1, 7, 64})
    for (int threads : {1, 2, 5}) {
      const auto engine = open({.threads = threads, .batch = batch});
      Session other(*engine);
      ASSERT_TRUE(other.append("The quick brown fox jumps over the lazy dog."));
      EXPECT_EQ(generate(other, greedy(20)).tokens, expected.tokens)
          << "batch " << batch << ", threads " << threads;
    }
}

TEST_F(SessionTest, CommonBeginningsAreNotComputedAgain) {
  const auto engine = open();
  const auto ids = engine->tokenizer().encode("A long common beginning, and an end", {.add_special = true});
  auto other = ids;
  other.back() += 1;
  Session session(*engine), fresh(*engine);
  ASSERT_TRUE(session.assign(ids));
  EXPECT_EQ(generate(session, greedy(5)).reused_tokens, 0);
  ASSERT_TRUE(session.assign(other));
  const Generation second = generate(session, greedy(5));
  EXPECT_EQ(second.reused_tokens, int64_t(ids.size()) - 1);
  ASSERT_TRUE(fresh.assign(other));
  EXPECT_EQ(second.tokens, generate(fresh, greedy(5)).tokens);
}

TEST_F(SessionTest, GoingBackAndAgainGivesTheSame) {
  const auto engine = open();
  Session session(*engine);
  ASSERT_TRUE(session.append("Go back"));
  const int64_t start = int64_t(session.tokens().size());
  const Generation first = generate(session, greedy(12));
  session.truncate(start);
  EXPECT_EQ(int64_t(session.tokens().size()), start);
  EXPECT_EQ(generate(session, greedy(12)).tokens, first.tokens);
  session.truncate(start + 6);
  const Generation rest = generate(session, greedy(6));
  EXPECT_EQ(rest.tokens, std::vector<TokenId>(first.tokens.begin() + 6, first.tokens.end()));
  session.truncate(-5);
  EXPECT_TRUE(session.tokens().empty());
}

TEST_F(SessionTest, TheContextIsALimit) {
  const auto engine = open({.context = 32, .batch = 512});
  EXPECT_EQ(engine->context(), 32);
  Session session(*engine);
  const auto refused = session.append(std::string(32, 'x'));  // and BOS
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kLimit);
  EXPECT_TRUE(session.tokens().empty());
  ASSERT_TRUE(session.append(std::string(20, 'x')));
  const Generation full = generate(session, greedy(-1));
  EXPECT_EQ(full.finish, FinishReason::kContextFull);
  EXPECT_EQ(session.tokens().size(), 32u);
  EXPECT_EQ(full.tokens.size(), 12u);  // one more has no position to be fed at
}

TEST_F(SessionTest, ATokenFitsAfterAFullPrompt) {
  const auto engine = open({.context = 8, .batch = 512});
  Session session(*engine);
  ASSERT_TRUE(session.append("1234567"));
  const Generation generation = generate(session, greedy(-1));
  EXPECT_EQ(generation.tokens.size(), 1u);
  EXPECT_EQ(generation.finish, FinishReason::kContextFull);
}

TEST_F(SessionTest, EndTokensAndStopIdsEndTheAnswer) {
  const auto engine = open();
  Session session(*engine);
  ASSERT_TRUE(session.append("x"));
  GenerationRequest end = greedy(50);
  end.ignore_end = false;
  end.sampling.logit_bias = {{2, 1000}};
  const Generation ended = generate(session, end);
  EXPECT_EQ(ended.finish, FinishReason::kEnd);
  EXPECT_TRUE(ended.tokens.empty());
  EXPECT_EQ(session.tokens().size(), 2u);
  GenerationRequest stop = greedy(50);
  stop.stop_ids = {100};
  stop.sampling.logit_bias = {{100, 1000}};
  EXPECT_EQ(generate(session, stop).finish, FinishReason::kStop);
  stop.stop_ids = {288};
  EXPECT_FALSE(session.generate(stop));
  stop.stop_ids = {-1};
  EXPECT_FALSE(session.generate(stop));
}

TEST_F(SessionTest, StopStringsSpanTokensAndNeverShow) {
  const auto engine = open();
  Session session(*engine);
  ASSERT_TRUE(session.append("x"));
  GenerationRequest request = greedy(50);
  request.stop = {"aaa"};
  request.sampling.logit_bias = {{3 + 'a', 1000}};
  std::string shown;
  const Generation generation = generate(session, request, [&](std::string_view text) {
    shown += text;
    return true;
  });
  EXPECT_EQ(generation.finish, FinishReason::kStop);
  EXPECT_EQ(generation.text, "");
  EXPECT_EQ(shown, "");
  EXPECT_EQ(generation.tokens.size(), 3u);
  // Held back, but not a stop string after all.
  request.max_tokens = 2;
  EXPECT_EQ(generate(session, request).text, "aa");
}

TEST_F(SessionTest, TextComesInWholeCharacters) {
  const auto engine = open();
  Session session(*engine);
  ASSERT_TRUE(session.append("x"));
  GenerationRequest request = greedy(1);
  request.sampling.logit_bias = {{3 + 0xC3, 1000}};
  std::vector<std::string> shown;
  const Generation half = generate(session, request, [&](std::string_view text) {
    shown.emplace_back(text);
    return true;
  });
  EXPECT_EQ(half.text, "\uFFFD");  // the other half never came
  EXPECT_EQ(shown, std::vector<std::string>{"\uFFFD"});
}

TEST_F(SessionTest, TheSinkAndCancelEndIt) {
  const auto engine = open();
  Session session(*engine);
  ASSERT_TRUE(session.append("x"));
  int pieces = 0;
  GenerationRequest request = greedy(-1);
  request.sampling.logit_bias = {{3 + 'a', 1000}};
  EXPECT_EQ(generate(session, request, [&](std::string_view) { return ++pieces < 3; }).finish,
            FinishReason::kCancelled);
  EXPECT_EQ(pieces, 3);
  session.truncate(2);
  std::atomic<bool> begun{false};
  std::thread other([&] {
    while (!begun.load()) std::this_thread::yield();
    session.cancel();
  });
  const Generation generation = generate(session, request, [&](std::string_view) {
    begun = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return true;
  });
  other.join();
  EXPECT_EQ(generation.finish, FinishReason::kCancelled);
  EXPECT_EQ(generate(session, greedy(3)).tokens.size(), 3u);  // and goes on
}

TEST_F(SessionTest, SessionsOnManyThreadsTakeTurns) {
  const auto engine = open({.threads = 2, .context = 64, .batch = 8, .sessions = 3});
  Session reference(*engine);
  ASSERT_TRUE(reference.append("shared"));
  const Generation expected = generate(reference, greedy(30));
  reference.truncate(0);
  std::vector<std::vector<TokenId>> got(3);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < got.size(); ++i)
    threads.emplace_back([&, i] {
      Session session(*engine);
      ASSERT_TRUE(session.append("shared"));
      got[i] = generate(session, greedy(30)).tokens;
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& tokens : got) EXPECT_EQ(tokens, expected.tokens);
}

TEST_F(SessionTest, NothingToContinueIsAnError) {
  const auto engine = open();
  Session session(*engine);
  EXPECT_FALSE(session.generate(greedy(1)));
  ASSERT_TRUE(session.append("x"));
  GenerationRequest bad = greedy(1);
  bad.sampling.top_p = 2;
  EXPECT_FALSE(session.generate(bad));
  EXPECT_TRUE(session.generate(greedy(1)));
}

TEST_F(SessionTest, ChatsAreRenderedWithOneBos) {
  const auto engine = open();
  ASSERT_TRUE(engine->has_chat_template());
  ChatInput input;
  input.messages = messages_value({{.role = "user", .content = "Hi", .extra = {}}});
  const auto rendered = engine->render_chat(std::move(input));
  ASSERT_TRUE(rendered) << rendered.error().message;
  EXPECT_EQ(*rendered, "<s>[user]Hi\n[assistant]");
  const auto ids = engine->tokenize_chat(*rendered);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 1), 1);
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(engine->tokenize_chat("no bos here").front(), 1);
}

TEST_F(SessionTest, EngineOptionsOutOfRangeAreNamed) {
  for (const auto& [options, name] :
       std::vector<std::pair<EngineOptions, std::string>>{{{.threads = -1}, "threads"},
                                                          {{.batch = 0}, "batch"},
                                                          {{.sessions = 0}, "sessions"},
                                                          {{.context = -1}, "context"},
                                                          {{.context = 100000}, "context"},
                                                          {{.chat_template = "{% if"}, "chat template"}}) {
    const auto engine = Engine::open(model_->path(), options);
    ASSERT_FALSE(engine) << name;
    EXPECT_NE(engine.error().message.find(name), std::string::npos) << engine.error().message;
  }
  EXPECT_EQ(Engine::open("/nonexistent.gguf").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(Engine::open(NIBBLE_SOURCE_DIR "/LICENSE").error().kind, ErrorKind::kBadFile);
}

}  // namespace
}  // namespace nibble
