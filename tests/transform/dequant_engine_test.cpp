#include "transform/dequant_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/half.h"
#include "formats/quant_reference.h"
#include "transform/random_weights.h"
#include "transform/synth.h"

namespace nibble {
namespace {

class Dequant : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::path(testing::TempDir()) / ("dequant_" + std::to_string(getpid()) + ".gguf"))
                .string();
    ThreadPool pool(2);
    ASSERT_TRUE(write_synthetic_model({.shape = "llama-tiny", .format = "Q4_K_M"}, path_, pool));
    file_ = std::make_shared<const GgufFile>(*GgufFile::open(path_));
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::unique_ptr<DequantEngine> engine(const DequantOptions& options) {
    return *DequantEngine::create(file_, options);
  }

  std::string path_;
  std::shared_ptr<const GgufFile> file_;
};

TEST_F(Dequant, GivesTheReferenceValues) {
  for (const int threads : {1, 3}) {
    const auto engine = this->engine({.threads = threads});
    for (const TensorView& tensor : file_->tensors()) {
      const auto decoded = engine->tensor(tensor.name);
      ASSERT_TRUE(decoded) << decoded.error().message;
      std::vector<float> wanted(tensor.values());
      ASSERT_TRUE(decode_reference(tensor.format->id, tensor.bytes, wanted));
      EXPECT_TRUE(std::ranges::equal((*decoded)->floats(), wanted)) << tensor.name;
    }
  }
  const auto halves = engine({.format = FormatId::kF16, .threads = 2});
  const TensorView& tensor = *file_->find_tensor("blk.2.ffn_down.weight");
  const auto decoded = *halves->tensor(tensor.name);
  std::vector<float> wanted(tensor.values());
  ASSERT_TRUE(decode_reference(tensor.format->id, tensor.bytes, wanted));
  for (size_t i = 0; i < wanted.size(); ++i) {
    uint16_t half;
    std::memcpy(&half, decoded->bytes.data() + 2 * i, 2);
    ASSERT_EQ(half, float_to_half(wanted[i]));
  }
}

TEST_F(Dequant, CountsHitsAndKeepsTheLimit) {
  const auto engine = this->engine({.cache_bytes = 1 << 20, .warm_next_layer = false});
  const char* name = "blk.1.attn_q.weight";  // 256 KiB of floats
  const auto first = *engine->tensor(name), second = *engine->tensor(name);
  EXPECT_EQ(first, second);
  EXPECT_EQ(engine->stats().hits, 1u);
  EXPECT_EQ(engine->stats().misses, 1u);
  for (int round = 0; round < 3; ++round)
    for (const TensorView& tensor : file_->tensors()) {
      ASSERT_TRUE(engine->tensor(tensor.name));
      EXPECT_LE(engine->stats().cached_bytes, 1u << 20);
    }
  EXPECT_EQ(std::ranges::count_if(first->floats(), [](float x) { return std::isfinite(x); }), 65536);
}

TEST_F(Dequant, WarmsTheLayerThatComesNext) {
  const auto engine = this->engine({.threads = 2});
  for (int layer = 0; layer < 8; ++layer) {
    const auto tensors = engine->layer(layer);
    ASSERT_TRUE(tensors) << tensors.error().message;
    EXPECT_EQ(tensors->size(), engine->layer_size(layer));
    engine->wait_for_warming();
  }
  const DequantStats stats = engine->stats();
  EXPECT_EQ(stats.misses, 9u);  // the first layer's
  EXPECT_EQ(stats.hits, 63u);
  EXPECT_EQ(stats.warmed, 63u);
  EXPECT_EQ(stats.warmed_used, 63u);
  EXPECT_EQ(stats.warmed_wasted, 0u);
}

TEST_F(Dequant, WarmsTheTensorsThatAreAskedForOfEachLayer) {
  const auto engine = this->engine({.threads = 2});
  for (int layer = 7; layer >= 0; --layer)
    for (const char* part : {"attn_q", "ffn_up"}) {
      ASSERT_TRUE(engine->tensor(concat("blk.", layer, ".", part, ".weight")));
      engine->wait_for_warming();
    }
  const DequantStats stats = engine->stats();
  // The first guess is upward; once the step down has come twice the rest comes decoded.
  EXPECT_GE(stats.warmed_used, 10u);
  EXPECT_LE(stats.misses, 5u);
  EXPECT_EQ(stats.hits + stats.misses, 16u);
  EXPECT_EQ(stats.warmed, stats.warmed_used + stats.warmed_wasted + stats.ahead_bytes / (256 << 10));
}

TEST_F(Dequant, WhatWasWarmedForNothingIsCountedAndGoes) {
  const auto engine = this->engine({.threads = 2});
  ASSERT_TRUE(engine->layer(0));
  engine->wait_for_warming();
  EXPECT_EQ(engine->stats().warmed, 9u);
  EXPECT_GT(engine->stats().ahead_bytes, 0u);
  ASSERT_TRUE(engine->layer(5));
  engine->wait_for_warming();
  EXPECT_EQ(engine->stats().warmed_used, 0u);
  EXPECT_EQ(engine->stats().warmed_wasted, 9u);
  EXPECT_EQ(engine->stats().ahead_bytes, 0u) << "no guess after a jump";
}

TEST_F(Dequant, TheLimitHoldsWithWhatIsDecodedAhead) {
  const uint64_t limit = 4 << 20;  // a layer has 3 MiB of floats: not all of the next one fits
  const auto engine = this->engine({.cache_bytes = limit, .threads = 2});
  for (int i = 0; i < 24; ++i) {
    ASSERT_TRUE(engine->layer(i % 8));
    const DequantStats stats = engine->stats();
    EXPECT_LE(stats.cached_bytes + stats.ahead_bytes, limit);
    if (i % 2) engine->wait_for_warming();
  }
  EXPECT_GT(engine->stats().warmed_used, 0u);
}

TEST_F(Dequant, TellsWhetherPrefetchedTensorsCame) {
  const auto engine = this->engine({.cache_bytes = 0, .warm_next_layer = false});
  for (const TensorView& tensor : file_->tensors()) ASSERT_TRUE(engine->tensor(tensor.name));
  const uint64_t count = file_->tensors().size();
  EXPECT_EQ(engine->stats().prefetched, count - 1);
  EXPECT_EQ(engine->stats().prefetch_used, count - 1);
  EXPECT_EQ(engine->stats().prefetch_wasted, 0u);
  ASSERT_TRUE(engine->tensor("blk.1.attn_q.weight"));
  ASSERT_TRUE(engine->tensor("blk.6.attn_q.weight"));
  EXPECT_EQ(engine->stats().prefetch_wasted, 1u);
}

TEST_F(Dequant, WhatACallerHoldsIsNotDecodedAgain) {
  const auto engine = this->engine({.cache_bytes = 0, .warm_next_layer = false});
  const auto held = *engine->tensor("blk.1.attn_q.weight");
  EXPECT_EQ(*engine->tensor("blk.1.attn_q.weight"), held);
  EXPECT_EQ(engine->stats().misses, 1u);
  EXPECT_EQ(engine->stats().cached_bytes, 0u);
}

// Callers by tensor and by layer, in all directions, and an engine that goes away at any moment.
TEST_F(Dequant, ServesManyThreads) {
  std::vector<std::vector<float>> wanted;
  for (const TensorView& tensor : file_->tensors()) {
    ASSERT_TRUE(decode_reference(tensor.format->id, tensor.bytes, wanted.emplace_back(tensor.values())));
  }
  const auto right = [&](const DequantEngine::Decoded& decoded) {
    return std::ranges::equal(decoded->floats(), wanted[size_t(decoded->source - file_->tensors().data())]);
  };
  for (const uint64_t limit : {uint64_t{0}, uint64_t{5} << 20, uint64_t{512} << 20}) {
    auto engine = this->engine({.cache_bytes = limit, .threads = 2});
    std::atomic<int> wrong = 0;
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 4; ++caller)
      callers.emplace_back([&, caller] {
        for (int i = 0; i < 20; ++i) {
          const int layer = caller % 2 ? (7 * caller + i) % 8 : 7 - i % 8;
          if (caller < 2) {
            const auto all = engine->layer(layer);
            for (const auto& decoded : *all) wrong += !right(decoded);
          } else {
            wrong += !right(*engine->tensor(concat("blk.", layer, ".ffn_up.weight")));
          }
        }
      });
    callers.clear();
    EXPECT_EQ(wrong, 0);
    const DequantStats stats = engine->stats();
    EXPECT_EQ(stats.hits + stats.misses, 2u * 20 * 9 + 2 * 20);
    engine.reset();
  }
}

TEST_F(Dequant, GoesAwayWhileWarming) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(this->engine({.threads = 2})->layer(i % 8));
}

TEST_F(Dequant, MistakesAreErrors) {
  const auto engine = this->engine({});
  EXPECT_EQ(engine->layer(8).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(engine->layer(-1).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(engine->layer_size(8), 0u);
  EXPECT_NE(engine->tensor("absent").error().message.find("absent"), std::string::npos);
  EXPECT_FALSE(DequantEngine::create(file_, {.format = FormatId::kQ4_0}));
}

}  // namespace
}  // namespace nibble
