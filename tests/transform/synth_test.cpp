#include "transform/synth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "formats/gguf.h"
#include "formats/quant_reference.h"
#include "model/weights.h"
#include "surfaces/file_text.h"
#include "transform/random_weights.h"

namespace nibble {
namespace {

std::string temporary(const char* name) {
  return (std::filesystem::path(testing::TempDir()) / (std::to_string(getpid()) + name)).string();
}

TEST(Synth, ThreadsAndRunsGiveTheSameFile) {
  const std::string a = temporary("a.gguf"), b = temporary("b.gguf"), c = temporary("c.gguf");
  ThreadPool one(1), three(3);
  ASSERT_TRUE(write_synthetic_model({.shape = "qwen3-tiny", .format = "Q4_K_M"}, a, one));
  ASSERT_TRUE(write_synthetic_model({.shape = "qwen3-tiny", .format = "Q4_K_M"}, b, three));
  ASSERT_TRUE(write_synthetic_model({.shape = "qwen3-tiny", .format = "Q4_K_M", .seed = 2}, c, three));
  EXPECT_EQ(read_file(a), read_file(b));
  EXPECT_NE(read_file(a), read_file(c));
  for (const auto& path : {a, b, c}) std::filesystem::remove(path);
}

// What the model layer reads is in every synthetic file of an architecture that it knows.
TEST(Synth, HoldsTheTensorsThatModelsExpect) {
  const std::string path = temporary("shape.gguf");
  ThreadPool pool(2);
  int known = 0;
  for (const SynthShape& shape : synth_shapes()) {
    if (!std::string_view(shape.name).ends_with("-tiny")) continue;
    const auto report = write_synthetic_model({.shape = shape.name, .format = "F16"}, path, pool);
    ASSERT_TRUE(report) << shape.name << ": " << report.error().message;
    const auto file = GgufFile::open(path);
    ASSERT_TRUE(file) << shape.name << ": " << file.error().message;
    EXPECT_EQ(file->tensors().size(), report->tensors);
    const auto config = read_model_config(*file);
    if (!config) {
      EXPECT_EQ(config.error().kind, ErrorKind::kUnsupported) << shape.name << ": " << config.error().message;
      continue;
    }
    ++known;
    EXPECT_EQ(unused_tensors(*file, *config), std::vector<std::string>()) << shape.name;
    const auto weights = load_weights(*file, *config, kernels());
    EXPECT_TRUE(weights) << shape.name << ": " << weights.error().message;
  }
  EXPECT_GE(known, 8);
  std::filesystem::remove(path);
}

TEST(Synth, OutliersEnterThroughTheNorms) {
  const std::string path = temporary("outliers.gguf");
  ThreadPool pool(1);
  ASSERT_TRUE(write_synthetic_model({.shape = "llama-tiny", .format = "F16", .outliers = true}, path, pool));
  const GgufFile file = *GgufFile::open(path);
  int large = 0;
  std::vector<float> norm(256);
  ASSERT_TRUE(decode_reference(FormatId::kF32, file.find_tensor("blk.0.attn_norm.weight")->bytes, norm));
  for (const float x : norm) large += x > 20;
  EXPECT_EQ(large, 1);
  std::filesystem::remove(path);
}

TEST(Synth, UnknownNamesAreErrors) {
  ThreadPool pool(1);
  const auto shape = write_synthetic_model({.shape = "llama-huge"}, temporary("x.gguf"), pool);
  ASSERT_FALSE(shape);
  EXPECT_NE(shape.error().message.find("llama-tiny"), std::string::npos);
  EXPECT_FALSE(write_synthetic_model({.shape = "llama-tiny", .format = "Q9"}, temporary("x.gguf"), pool));
  EXPECT_FALSE(write_synthetic_model({.shape = "llama-tiny"}, "/no/such/folder/x.gguf", pool));
}

TEST(RandomWeights, MomentsAndPartsAgree) {
  std::vector<float> values(100000), part(1000);
  fill_normal(random_stream(1, "w"), 0, 0.5f, 2, values);
  double sum = 0, squares = 0;
  for (const float x : values) sum += x, squares += double(x) * x;
  const double mean = sum / 1e5;
  EXPECT_NEAR(mean, 0.5, 0.03);
  EXPECT_NEAR(std::sqrt(squares / 1e5 - mean * mean), 2, 0.03);
  fill_normal(random_stream(1, "w"), 5000, 0.5f, 2, part);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), values.begin() + 5000));
  int counts[3] = {};
  std::vector<float> trits(30000);
  fill_ternary(random_stream(1, "w"), 0, 1, trits);
  for (const float x : trits) ++counts[int(x) + 1];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
}

}  // namespace
}  // namespace nibble
