// libnibble.so through its public header alone.
#include <gtest/gtest.h>
#include <nibble/nibble.h>

#include <cstring>
#include <filesystem>

namespace {

std::string shipped_model() {
  for (const auto& entry : std::filesystem::directory_iterator(NIBBLE_SOURCE_DIR "/models"))
    if (entry.path().extension() == ".gguf") return entry.path().string();
  return "";
}

class Library : public testing::Test {
 protected:
  void SetUp() override {
    if (shipped_model().empty()) GTEST_SKIP() << "models/ holds no model";
  }
  static nibble::Engine open() {
    auto engine = nibble::Engine::open(shipped_model());
    EXPECT_TRUE(engine) << engine.error().message;
    return *std::move(engine);
  }
  static nibble::GenerationOptions greedy(int64_t tokens) {
    nibble::GenerationOptions options;
    options.temperature = 0;
    options.max_tokens = tokens;
    return options;
  }
};

TEST_F(Library, TokenizesThereAndBack) {
  const nibble::Engine engine = open();
  const std::string text = "Once upon a time, Größe 🙂";
  const auto ids = engine.tokenize(text);
  ASSERT_TRUE(ids);
  EXPECT_GT(ids->size(), 3u);
  EXPECT_EQ(engine.detokenize(*ids).value(), text);
  EXPECT_EQ(engine.detokenize({}).value(), "");
}

TEST_F(Library, GeneratesAndStreamsTheSameText) {
  const nibble::Engine engine = open();
  auto session = nibble::Session::open(engine);
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->append("Once upon a time"));
  const int64_t start = session->length();
  std::string streamed;
  const auto first = session->generate(greedy(20), [&](std::string_view text) {
    streamed += text;
    return true;
  });
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->text, streamed);
  EXPECT_EQ(first->answer_tokens, 20);
  EXPECT_EQ(first->finish, NIBBLE_FINISH_MAX_TOKENS);
  session->truncate(start);
  EXPECT_EQ(session->generate(greedy(20))->text, first->text);
  session->truncate(start);
  nibble::GenerationOptions stop = greedy(20);
  const std::string word = first->text.substr(3, 4);
  const char* words[] = {word.c_str()};
  stop.stop = words;
  stop.stop_count = 1;
  const auto stopped = session->generate(stop);
  EXPECT_EQ(stopped->finish, NIBBLE_FINISH_STOP);
  EXPECT_EQ(stopped->text, first->text.substr(0, first->text.find(word)));
}

TEST_F(Library, KeepsKeysAndValuesInEightBitsWhenAsked) {
  nibble::EngineOptions options;
  EXPECT_EQ(options.kv, NIBBLE_KV_F16);
  options.kv = NIBBLE_KV_Q8_0;
  const auto engine = nibble::Engine::open(shipped_model(), options);
  ASSERT_TRUE(engine) << engine.error().message;
  auto session = nibble::Session::open(*engine);
  ASSERT_TRUE(session && session->append("Once upon a time"));
  EXPECT_EQ(session->generate(greedy(20))->answer_tokens, 20);
  const int unknown = 2;  // a caller in C may pass any number
  static_assert(sizeof unknown == sizeof options.kv);
  std::memcpy(&options.kv, &unknown, sizeof unknown);
  const auto refused = nibble::Engine::open(shipped_model(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, NIBBLE_INVALID_ARGUMENT);
}

TEST_F(Library, ASessionOutlivesItsEngineHandle) {
  auto engine = std::make_unique<nibble::Engine>(open());
  auto session = nibble::Session::open(*engine);
  engine.reset();
  ASSERT_TRUE(session->append("A"));
  EXPECT_TRUE(session->generate(greedy(2)));
}

TEST_F(Library, ErrorsComeWithTheirReason) {
  const auto missing = nibble::Engine::open("/nonexistent.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().status, NIBBLE_NOT_FOUND);
  EXPECT_NE(missing.error().message.find("/nonexistent.gguf"), std::string::npos);
  const nibble::Engine engine = open();
  auto session = nibble::Session::open(engine);
  EXPECT_EQ(session->generate().error().status, NIBBLE_INVALID_ARGUMENT);  // nothing to continue
  EXPECT_EQ(session->append(std::string(1000000, 'x')).error().status, NIBBLE_LIMIT);
  ASSERT_TRUE(session->append("x"));
  nibble::GenerationOptions bad = greedy(1);
  bad.top_p = 7;
  EXPECT_EQ(session->generate(bad).error().status, NIBBLE_INVALID_ARGUMENT);
}

TEST_F(Library, BuffersThatAreTooSmallAreTold) {
  const nibble::Engine engine = open();
  int32_t ids[1];
  size_t count = 0;
  EXPECT_EQ(nibble_tokenize(engine.handle(), "one two three", 13, 0, 0, ids, 1, &count), NIBBLE_LIMIT);
  EXPECT_GT(count, 1u);
  EXPECT_EQ(nibble_tokenize(engine.handle(), "one", 3, 0, 0, nullptr, 0, &count), NIBBLE_LIMIT);
}

TEST_F(Library, NullPointersAreErrors) {
  const nibble::Engine engine = open();
  size_t count = 0;
  nibble_engine* none = nullptr;
  EXPECT_EQ(nibble_engine_open(nullptr, nullptr, &none), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_engine_open("x", nullptr, nullptr), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_session_open(nullptr, nullptr), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_tokenize(nullptr, "x", 1, 0, 0, nullptr, 0, &count), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_tokenize(engine.handle(), nullptr, 1, 0, 0, nullptr, 0, &count), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_session_append_text(nullptr, "x", 1), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_session_generate(nullptr, nullptr, nullptr, nullptr, nullptr), NIBBLE_INVALID_ARGUMENT);
  nibble_engine_close(nullptr);
  nibble_session_close(nullptr);
}

TEST(LibraryOptions, OlderCallersKeepTheirSize) {
  nibble_engine_options options;
  std::memset(&options, 0x7F, sizeof options);
  nibble_engine_options_defaults(&options, offsetof(nibble_engine_options, context));
  EXPECT_EQ(options.struct_size, offsetof(nibble_engine_options, context));
  EXPECT_EQ(options.threads, 0);
  EXPECT_EQ(options.context, 0x7F7F7F7F7F7F7F7F);  // not ours to write
}

}  // namespace
