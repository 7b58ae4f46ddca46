#include "transform/dequant_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

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
    EXPECT_EQ(tensors->size(), 9u);
    engine->wait_for_warming();
  }
  const DequantStats stats = engine->stats();
  EXPECT_EQ(stats.misses, 9u);  // the first layer's
  EXPECT_EQ(stats.warmed_used, 63u);
  EXPECT_FALSE(engine->layer(8));
  EXPECT_FALSE(engine->layer(-1));
  EXPECT_FALSE(engine->tensor("absent"));
  EXPECT_FALSE(DequantEngine::create(file_, {.format = FormatId::kQ4_0}));
}

double hit_rate(uint64_t capacity, const std::vector<int>& accesses) {
  ReuseCache<int, int> cache(capacity);
  int hits = 0;
  for (const int key : accesses) {
    if (cache.find(key, 1)) {
      ++hits;
    } else {
      cache.insert(key, std::make_shared<const int>(key), 1);
    }
    EXPECT_LE(cache.used(), capacity);
  }
  return double(hits) / double(accesses.size());
}

TEST(ReuseCache, SurvivesCyclicScans) {
  std::vector<int> cycle;
  for (int round = 0; round < 50; ++round)
    for (int key = 0; key < 100; ++key) cycle.push_back(key);
  // The best any cache can do is its share of the working set.
  for (const int capacity : {10, 25, 50, 80})
    EXPECT_NEAR(hit_rate(uint64_t(capacity), cycle), capacity / 100.0 * 0.98, 0.02);
  EXPECT_NEAR(hit_rate(100, cycle), 0.98, 1e-9);
}

TEST(ReuseCache, FollowsAWorkingSetThatMoves) {
  std::vector<int> accesses;
  for (int phase = 0; phase < 5; ++phase)
    for (int round = 0; round < 20; ++round)
      for (int key = 0; key < 40; ++key) accesses.push_back(phase * 1000 + key);
  EXPECT_GT(hit_rate(50, accesses), 0.8);
}

TEST(ReuseCache, HotKeysOutliveAScan) {
  std::vector<int> accesses;
  for (int i = 0; i < 2000; ++i) {
    accesses.push_back(i % 10);
    accesses.push_back(1000 + i);  // never again
  }
  EXPECT_GT(hit_rate(20, accesses), 0.48);
}

}  // namespace
}  // namespace nibble
