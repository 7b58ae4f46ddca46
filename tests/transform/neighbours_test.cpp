// Who else is being answered changes nothing: a prompt decoded alone and among 31 strangers has the same
// logits, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "engine/engine.h"
#include "transform/synth.h"

namespace nibble {
namespace {

constexpr size_t kSequences = 32;
constexpr int kSteps = 6;

struct Sequence {
  std::vector<int32_t> prompt;
  std::vector<std::vector<float>> logits;  // after the prompt, then after each token decoded
};

// Each sequence goes on with its own most likely token; all of them are in one pass at every step.
void decode(Engine& engine, std::span<Sequence> sequences) {
  const size_t vocabulary = size_t(engine.model().config().vocabulary);
  std::vector<KvSequence> cache;
  std::vector<std::vector<int32_t>> tokens;
  for (const Sequence& sequence : sequences) {
    cache.emplace_back(engine.kv_pool());
    tokens.push_back(sequence.prompt);
  }
  std::vector<float> logits(sequences.size() * vocabulary);
  for (int step = 0; step <= kSteps; ++step) {
    std::vector<Span> spans;
    for (size_t i = 0; i < sequences.size(); ++i) spans.push_back({&cache[i], cache[i].length(), tokens[i]});
    const Status done = engine.model().forward(engine.workspace(), spans, logits);
    ASSERT_TRUE(done) << done.error().message;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const float* const row = logits.data() + i * vocabulary;
      sequences[i].logits.emplace_back(row, row + vocabulary);
      tokens[i] = {int32_t(std::max_element(row, row + vocabulary) - row)};
    }
  }
}

void expect_neighbours_change_nothing(const std::string& path, size_t alone_too) {
  auto engine = Engine::open(path, {.threads = 2, .context = 256, .sessions = int(kSequences)});
  ASSERT_TRUE(engine) << engine.error().message;
  std::mt19937 random(5);
  std::vector<Sequence> together(kSequences);
  for (Sequence& sequence : together) {
    sequence.prompt.resize(1 + random() % 90);
    for (int32_t& token : sequence.prompt)
      token = int32_t(random() % uint64_t((*engine)->model().config().vocabulary));
  }
  decode(**engine, together);
  for (size_t i = 0; i < alone_too; ++i) {
    Sequence alone{.prompt = together[i].prompt, .logits = {}};
    decode(**engine, {&alone, 1});
    ASSERT_EQ(alone.logits.size(), size_t(kSteps) + 1);
    for (size_t step = 0; step < alone.logits.size(); ++step)
      EXPECT_TRUE(alone.logits[step] == together[i].logits[step])
          << path << ": prompt " << i << ", step " << step;
  }
}

TEST(Neighbours, ThirtyOneOfThemChangeNothingInEveryFormat) {
  const std::string path =
      (std::filesystem::path(testing::TempDir()) / (std::to_string(getpid()) + "neighbours.gguf")).string();
  ThreadPool pool(2);
  const std::vector<std::pair<const char*, std::vector<const char*>>> models = {
      {"llama-tiny",
       {"F16", "BF16", "F32", "Q4_K_M", "Q5_K_M", "Q6_K", "Q2_K", "Q3_K_M", "Q4_0", "Q4_1", "Q5_0", "Q8_0",
        "IQ4_XS", "IQ4_NL"}},
      {"gemma2-tiny", {"Q4_K_M", "Q8_0"}},
      {"bitnet-tiny", {"TQ2_0"}}};
  for (const auto& [shape, formats] : models)
    for (const char* format : formats) {
      const auto made = write_synthetic_model({.shape = shape, .format = format}, path, pool);
      ASSERT_TRUE(made) << shape << " " << format << ": " << made.error().message;
      SCOPED_TRACE(std::string(shape) + " in " + format);
      expect_neighbours_change_nothing(path, 3);
    }
  std::filesystem::remove(path);
}

TEST(Neighbours, ThirtyOneOfThemChangeNothingInTheModelThatComesWithNibble) {
  expect_neighbours_change_nothing(NIBBLE_SOURCE_DIR "/models/nibble-story-f16.gguf", kSequences);
}

}  // namespace
}  // namespace nibble
