// Weights as floats through the public header alone.
#include <gtest/gtest.h>
#include <nibble/weights.h>

#include <cstring>
#include <filesystem>

namespace {

const std::string kModel = NIBBLE_SOURCE_DIR "/models/nibble-story-f16.gguf";

class Weights : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kModel)) GTEST_SKIP() << "no " << kModel;
  }
  static nibble::Weights open(nibble_float type) {
    nibble::WeightsOptions options;
    options.type = type;
    auto weights = nibble::Weights::open(kModel, options);
    EXPECT_TRUE(weights) << weights.error().message;
    return *std::move(weights);
  }
};

TEST_F(Weights, GivesTensorsAndLayersInEachType) {
  auto floats = open(NIBBLE_F32), halves = open(NIBBLE_F16), brains = open(NIBBLE_BF16);
  const std::string name = "blk.1.attn_q.weight";
  const auto f32 = floats.tensor(name), f16 = halves.tensor(name), bf16 = brains.tensor(name);
  ASSERT_TRUE(f32 && f16 && bf16);
  EXPECT_EQ(f32->name(), name);
  ASSERT_EQ(f32->dims().size(), 2u);
  EXPECT_EQ(f32->dims()[0], 256u);
  EXPECT_EQ(f32->floats().size(), f32->dims()[0] * f32->dims()[1]);
  EXPECT_EQ(f16->bytes().size() * 2, f32->bytes().size());
  EXPECT_EQ(bf16->bytes().size() * 2, f32->bytes().size());
  EXPECT_TRUE(f16->floats().empty());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(f32->bytes().data()) % 64, 0u);
  for (size_t i = 0; i < f32->floats().size(); ++i) {
    uint16_t upper;
    std::memcpy(&upper, bf16->bytes().data() + 2 * i, 2);
    uint32_t bits = uint32_t(upper) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    ASSERT_NEAR(value, f32->floats()[i], std::abs(f32->floats()[i]) / 256);
  }
  const auto layer = floats.layer(1);
  ASSERT_TRUE(layer) << layer.error().message;
  EXPECT_EQ(layer->size(), 9u);
  bool there = false;
  for (const nibble::Tensor& tensor : *layer)
    there |= tensor.name() == name && tensor.bytes().data() == f32->bytes().data();
  EXPECT_TRUE(there) << "the same bytes, from the cache";
  EXPECT_EQ(floats.stats().hits, 1u);
  EXPECT_EQ(floats.stats().misses, 9u);
}

TEST_F(Weights, ATensorOutlivesWeightsAndCache) {
  nibble::Tensor tensor;
  {
    nibble::WeightsOptions options;
    options.cache_bytes = 0;
    auto weights = nibble::Weights::open(kModel, options);
    tensor = *weights->tensor("blk.0.ffn_up.weight");
    EXPECT_EQ(weights->stats().cached_bytes, 0u);
  }
  EXPECT_EQ(tensor.name(), "blk.0.ffn_up.weight");
  double sum = 0;
  for (const float x : tensor.floats()) sum += double(x) * x;
  EXPECT_GT(sum, 0);
}

TEST_F(Weights, NamesAllTensors) {
  auto weights = open(NIBBLE_F32);
  const auto names = weights.names();
  EXPECT_EQ(names.size(), 56u);
  for (const std::string& name : names) EXPECT_TRUE(weights.tensor(name)) << name;
  EXPECT_EQ(nibble_weights_name(weights.handle(), names.size()), nullptr);
}

TEST_F(Weights, MistakesAreErrors) {
  auto weights = open(NIBBLE_F32);
  EXPECT_EQ(weights.tensor("absent").error().status, NIBBLE_NOT_FOUND);
  EXPECT_NE(weights.tensor("absent").error().message.find("absent"), std::string::npos);
  EXPECT_EQ(weights.layer(99).error().status, NIBBLE_NOT_FOUND);
  EXPECT_EQ(weights.layer(-1).error().status, NIBBLE_NOT_FOUND);
  EXPECT_EQ(nibble::Weights::open("/nonexistent.gguf").error().status, NIBBLE_NOT_FOUND);
  nibble::WeightsOptions options;
  options.threads = -1;
  EXPECT_EQ(nibble::Weights::open(kModel, options).error().status, NIBBLE_INVALID_ARGUMENT);
  options.threads = 1;
  const int unknown = 3;  // a caller in C may pass any number
  std::memcpy(&options.type, &unknown, sizeof unknown);
  EXPECT_EQ(nibble::Weights::open(kModel, options).error().status, NIBBLE_INVALID_ARGUMENT);
  nibble_tensor tensors[2];
  size_t count = 0;
  EXPECT_EQ(nibble_weights_layer(weights.handle(), 0, tensors, 2, &count), NIBBLE_LIMIT);
  EXPECT_EQ(count, 9u);
  EXPECT_EQ(nibble_weights_layer(weights.handle(), 0, nullptr, 9, &count), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_weights_tensor(weights.handle(), nullptr, tensors), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_weights_tensor(nullptr, "x", tensors), NIBBLE_INVALID_ARGUMENT);
  EXPECT_EQ(nibble_weights_open(nullptr, nullptr, nullptr), NIBBLE_INVALID_ARGUMENT);
  nibble_tensor_release(nullptr);
  nibble_weights_close(nullptr);
}

TEST(WeightsStats, OlderCallersKeepTheirSize) {
  if (!std::filesystem::exists(kModel)) GTEST_SKIP() << "no " << kModel;
  auto weights = nibble::Weights::open(kModel);
  nibble_weights_stats stats;
  std::memset(&stats, 0x7F, sizeof stats);
  stats.struct_size = offsetof(nibble_weights_stats, warmed);
  EXPECT_EQ(nibble_weights_get_stats(weights->handle(), &stats), NIBBLE_OK);
  EXPECT_EQ(stats.misses, 0u);
  EXPECT_EQ(stats.warmed, 0x7F7F7F7F7F7F7F7Fu);
}

}  // namespace
