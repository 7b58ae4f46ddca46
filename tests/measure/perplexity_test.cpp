#include "measure/perplexity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "measure/logits_file.h"
#include "transform/synth.h"

namespace nibble {
namespace {

constexpr int kChunk = 64;

std::string text_of(size_t length) {
  std::string text;
  for (size_t i = 0; text.size() < length; ++i)
    text += "word" + std::to_string(i * i % 97) + (i % 9 ? " " : ".\n");
  return text;
}

class PerplexityTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("perplexity_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::unique_ptr<Engine> open(const char* format) {
    ThreadPool pool(2);
    const std::string file = path(std::string(format) + ".gguf");
    EXPECT_TRUE(write_synthetic_model({.shape = "llama-tiny", .format = format}, file, pool));
    EngineOptions options;
    options.threads = 2, options.context = 256, options.batch = 24;
    auto engine = Engine::open(file, options);
    EXPECT_TRUE(engine) << engine.error().message;
    return *std::move(engine);
  }
  std::filesystem::path folder_;
};

// -log p of the scored tokens of one chunk, the whole chunk in one pass.
std::vector<std::vector<double>> log_probabilities(Engine& engine, const std::vector<TokenId>& tokens) {
  KvSequence sequence(engine.kv_pool());
  const Span span{&sequence, 0, tokens, Span::Want::kAllLogits};
  std::vector<float> logits(size_t(engine.model().output_floats(span)));
  EXPECT_TRUE(engine.model().forward(engine.workspace(), {&span, 1}, logits));
  const size_t vocabulary = logits.size() / tokens.size();
  std::vector<std::vector<double>> rows;
  for (size_t t = 0; t < tokens.size(); ++t) {
    std::vector<double> row(logits.begin() + t * vocabulary, logits.begin() + (t + 1) * vocabulary);
    double sum = 0;
    for (const double x : row) sum += std::exp(x);
    for (double& x : row) x -= std::log(sum);
    rows.push_back(row);
  }
  return rows;
}

std::vector<TokenId> chunk_of(const Engine& engine, const std::string& text, int chunk) {
  const auto ids = engine.tokenizer().encode(text, {.add_special = true});
  std::vector<TokenId> tokens(ids.begin() + chunk * kChunk, ids.begin() + (chunk + 1) * kChunk);
  tokens[0] = engine.tokenizer().special().bos;
  return tokens;
}

TEST_F(PerplexityTest, IsTheMeanOverTheSecondHalves) {
  const auto engine = open("F16");
  const std::string text = text_of(400);
  double nll = 0, squares = 0;
  int count = 0;
  for (int chunk = 0; chunk < 3; ++chunk) {
    const auto tokens = chunk_of(*engine, text, chunk);
    const auto rows = log_probabilities(*engine, tokens);
    for (int t = kChunk / 2; t < kChunk - 1; ++t) {
      const double x = -rows[size_t(t)][size_t(tokens[size_t(t + 1)])];
      nll += x, squares += x * x, ++count;
    }
  }
  const double mean = nll / count;
  const auto result = measure_perplexity(*engine, text, {.context = kChunk, .chunks = 3});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->chunks, 3);
  EXPECT_EQ(result->scored, 3 * (kChunk / 2 - 1));
  EXPECT_NEAR(result->perplexity.value, std::exp(mean), std::exp(mean) * 1e-4);
  const double error = std::sqrt((squares / count - mean * mean) / (count - 1)) * std::exp(mean);
  EXPECT_NEAR(result->perplexity.error, error, error * 1e-3);
  EXPECT_FALSE(result->divergence);
}

TEST_F(PerplexityTest, ComparesWithSavedLogits) {
  const auto base = open("F16"), coarse = open("Q4_0");
  const std::string text = text_of(400), saved = path("logits");
  ASSERT_TRUE(measure_perplexity(*base, text, {.context = kChunk, .chunks = 2, .save_logits = saved}));

  const auto same = measure_perplexity(*base, "", {.base_logits = saved});
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_LT(std::abs(same->divergence->kl.value), 1e-6);
  EXPECT_EQ(same->divergence->same_top.value, 1);
  EXPECT_NEAR(same->divergence->log_ratio.value, 0, 1e-3);
  EXPECT_NEAR(same->divergence->base_perplexity.value / same->perplexity.value, 1, 1e-3);

  double kl = 0;
  int count = 0, same_top = 0;
  for (int chunk = 0; chunk < 2; ++chunk) {
    const auto tokens = chunk_of(*base, text, chunk);
    const auto p = log_probabilities(*base, tokens), q = log_probabilities(*coarse, tokens);
    for (size_t t = kChunk / 2; t < kChunk - 1; ++t) {
      for (size_t i = 0; i < p[t].size(); ++i) kl += std::exp(p[t][i]) * (p[t][i] - q[t][i]);
      same_top +=
          std::ranges::max_element(p[t]) - p[t].begin() == std::ranges::max_element(q[t]) - q[t].begin();
      ++count;
    }
  }
  const auto far = measure_perplexity(*coarse, "", {.base_logits = saved});
  ASSERT_TRUE(far) << far.error().message;
  EXPECT_EQ(far->scored, count);
  EXPECT_NEAR(far->divergence->kl.value, kl / count, kl / count * 1e-2);
  EXPECT_GT(far->divergence->kl.value, 0.01);
  EXPECT_GE(far->divergence->kl_max, far->divergence->kl_p99);
  EXPECT_GE(far->divergence->kl_p99, far->divergence->kl_median);
  EXPECT_DOUBLE_EQ(far->divergence->same_top.value, double(same_top) / count);
}

TEST_F(PerplexityTest, RefusesWhatCannotBeScored) {
  const auto engine = open("F16");
  EXPECT_FALSE(measure_perplexity(*engine, "short", {.context = kChunk}));
  EXPECT_FALSE(measure_perplexity(*engine, text_of(2000), {.context = 512}));  // above the engine's context
  EXPECT_FALSE(measure_perplexity(*engine, "", {.base_logits = path("absent")}));
  EXPECT_FALSE(
      measure_perplexity(*engine, text_of(400), {.context = kChunk, .save_logits = "/no/such/folder/x"}));
}

TEST_F(PerplexityTest, DocumentsAreScoredByThemselves) {
  const auto engine = open("F16"), coarse = open("Q4_0");
  const std::string end(engine->tokenizer().piece(engine->tokenizer().special().eos, true));
  const std::vector<std::string> documents = {"One day a fox" + end, "it rained." + end, text_of(300)};
  double nll = 0;
  int64_t count = 0;
  for (const std::string& document : documents) {
    auto tokens = engine->tokenizer().encode(document, {.add_special = true, .parse_special = true});
    if (tokens.size() > kChunk) tokens.resize(kChunk);
    const auto rows = log_probabilities(*engine, tokens);
    for (size_t t = 0; t + 1 < tokens.size(); ++t, ++count) nll -= rows[t][size_t(tokens[t + 1])];
  }
  // A line end after the mark belongs to no document; an empty document has nothing to score.
  const std::string text = documents[0] + "\n" + documents[1] + documents[2] + end + "\n";
  const PerplexityOptions options{.context = kChunk, .documents = true, .save_logits = path("logits")};
  const auto result = measure_perplexity(*engine, text, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->chunks, 3);
  EXPECT_EQ(result->scored, count);
  EXPECT_NEAR(result->perplexity.value, std::exp(nll / count), std::exp(nll / count) * 1e-4);
  const auto compared = measure_perplexity(*coarse, "", {.base_logits = path("logits")});
  ASSERT_TRUE(compared) << compared.error().message;
  EXPECT_EQ(compared->scored, count);
  EXPECT_NEAR(compared->divergence->base_perplexity.value, std::exp(nll / count),
              std::exp(nll / count) * 1e-3);
}

TEST_F(PerplexityTest, SpecialTokensAreReadWhereWanted) {
  const auto engine = open("F16");
  const std::string end(engine->tokenizer().piece(engine->tokenizer().special().eos, true));
  std::string text;
  for (int i = 0; i < kChunk; ++i) text += end + "a";
  const auto chunks = [&](bool special) {
    const auto result = measure_perplexity(*engine, text, {.context = kChunk, .special = special});
    EXPECT_TRUE(result) << result.error().message;
    return result->chunks;
  };
  EXPECT_LT(chunks(true), chunks(false));
}

TEST_F(PerplexityTest, SavedLogitsAreChecked) {
  const std::string file = path("logits");
  const std::vector<ScoredChunk> chunks = {{{3, 3, 3, 3, 3, 3, 3, 3}, 4}, {{1, 2}, 0}};
  {
    auto writer = LogitsWriter::create(file, 10, chunks);
    ASSERT_TRUE(writer);
    PackedLogits packed;
    pack_logits(std::vector<float>{-1, -2, -3, -4, -5, -6, -7, -8, -9, -90}, packed);
    for (const ScoredChunk& chunk : chunks) {
      ASSERT_TRUE(writer->begin_chunk(chunk));
      for (uint32_t i = 0; i < chunk.scored(); ++i) ASSERT_TRUE(writer->write_position(packed));
    }
    ASSERT_TRUE(writer->finish());
  }
  const auto reader = LogitsReader::open(file);
  ASSERT_TRUE(reader) << reader.error().message;
  ASSERT_EQ(reader->chunks(), 2u);
  for (uint32_t i = 0; i < 2; ++i) EXPECT_EQ(reader->chunk(i), chunks[i]);
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  // Magic, version, vocabulary, number of chunks, then the first chunk's tokens and first scored position.
  for (const size_t at : {0u, 8u, 12u, 16u, 20u, 24u}) {
    std::string broken = bytes;
    broken[at] = char(broken[at] ^ 0x55);
    std::ofstream(path("broken"), std::ios::binary) << broken;
    EXPECT_FALSE(LogitsReader::open(path("broken"))) << at;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::ofstream(path("broken"), std::ios::binary) << bytes.substr(0, size);
    EXPECT_FALSE(LogitsReader::open(path("broken"))) << size;
  }
  std::ofstream(path("broken"), std::ios::binary) << bytes << "x";
  EXPECT_FALSE(LogitsReader::open(path("broken")));
}

TEST(PackedLogitsTest, KeepsValuesAndTheTop) {
  std::vector<float> values(1000), back(1000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = -3 - float(i * 7919 % 1000) / 60;
  values[77] = values[0] + 1e-6f;
  const auto top = std::ranges::max_element(values) - values.begin();
  PackedLogits packed;
  pack_logits(values, packed);
  unpack_logits(packed, back);
  EXPECT_EQ(std::ranges::max_element(back) - back.begin(), top);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(back[i], values[i], 20.0 / 65535);
}

}  // namespace
}  // namespace nibble
