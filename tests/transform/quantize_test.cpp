#include "transform/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "formats/gguf_writer.h"
#include "formats/quant_reference.h"
#include "transform/encode.h"
#include "transform/random_weights.h"
#include "transform/synth.h"

namespace nibble {
namespace {

class Quantize : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("quantize_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  std::string synthetic(const char* shape, const char* format) {
    const std::string file = path((std::string(shape) + "-" + format + ".gguf").c_str());
    const auto report = write_synthetic_model({.shape = shape, .format = format}, file, pool_);
    EXPECT_TRUE(report) << report.error().message;
    return file;
  }
  Result<QuantizeReport> quantized(const std::string& in, const std::string& out,
                                   const QuantizeOptions& options) {
    NIBBLE_TRY(const GgufFile file, GgufFile::open(in));
    NIBBLE_TRY(const QuantizePlan plan, plan_quantize(file, options, pool_));
    return run_quantize(file, plan, options, out, pool_);
  }
  // One 2-D tensor of given values.
  std::string single(const std::vector<float>& values, uint64_t row) {
    const std::string file = path("single.gguf");
    auto writer = *GgufWriter::create(file);
    writer.set_string("general.architecture", "llama");
    const uint64_t dims[] = {row, values.size() / row};
    EXPECT_TRUE(writer.declare_tensor("blk.0.ffn_up.weight", dims, FormatId::kF32));
    EXPECT_TRUE(writer.write_tensor_data(std::as_bytes(std::span(values))));
    EXPECT_TRUE(writer.finish());
    return file;
  }

  ThreadPool pool_{2};
  std::filesystem::path folder_;
};

TEST_F(Quantize, RowsThatDoNotFitTakeTheNextFormatAndAreCounted) {
  const GgufFile file = *GgufFile::open(single(std::vector<float>(96 * 4, 1.0f), 96));
  for (const QuantizeOptions& options :
       {QuantizeOptions{.recipe = "Q4_K"}, QuantizeOptions{.recipe = "Q8_0", .overrides = {"ffn_up=Q4_K"}}}) {
    const auto plan = plan_quantize(file, options, pool_);
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->tensors[0].format->id, FormatId::kQ5_0);
    ASSERT_TRUE(plan->tensors[0].unfit);
    EXPECT_EQ(plan->tensors[0].unfit->id, FormatId::kQ4_K);
    EXPECT_EQ(plan->unfit, 1u);
  }
  EXPECT_EQ(plan_quantize(file, {.recipe = "Q8_0"}, pool_)->unfit, 0u);
}

TEST_F(Quantize, WritesTheFormatsOfTheRecipe) {
  const std::string in = synthetic("llama-tiny", "F16"), out = path("out.gguf");
  ASSERT_TRUE(quantized(in, out, {.recipe = "Q4_K_M"}));
  const GgufFile before = *GgufFile::open(in), after = *GgufFile::open(out);
  ASSERT_EQ(before.tensors().size(), after.tensors().size());
  // The synthetic model in that recipe has the same formats, and the same bytes up to the rounding to halves.
  const GgufFile direct = *GgufFile::open(synthetic("llama-tiny", "Q4_K_M"));
  for (size_t i = 0; i < after.tensors().size(); ++i) {
    EXPECT_EQ(after.tensors()[i].name, before.tensors()[i].name);
    EXPECT_EQ(after.tensors()[i].format->id, direct.tensors()[i].format->id) << after.tensors()[i].name;
  }
  EXPECT_EQ(after.find("general.file_type")->as_uint(), 15u);
  EXPECT_EQ(after.find("llama.block_count")->as_uint(), 8u);
  EXPECT_EQ(after.find("tokenizer.ggml.tokens")->size(), 512u);
  const TensorView& q = *after.find_tensor("blk.3.attn_q.weight");
  std::vector<float> halves(q.values());
  ASSERT_TRUE(decode_reference(FormatId::kF16, before.find_tensor(q.name)->bytes, halves));
  std::vector<std::byte> wanted(q.bytes.size());
  ASSERT_TRUE(encode_values(FormatId::kQ4_K, halves, wanted));
  EXPECT_TRUE(std::ranges::equal(q.bytes, wanted));
}

TEST_F(Quantize, OverridesAndKeptTensors) {
  const std::string in = synthetic("llama-tiny", "F16"), out = path("out.gguf");
  ASSERT_TRUE(quantized(
      in, out, {.recipe = "Q4_0", .overrides = {"blk.?.ffn_down=Q6_K", "ffn*=Q5_0"}, .keep = {"attn_q.w"}}));
  const GgufFile file = *GgufFile::open(out);
  EXPECT_EQ(file.find_tensor("blk.1.ffn_down.weight")->format->id, FormatId::kQ6_K);
  EXPECT_EQ(file.find_tensor("blk.1.ffn_up.weight")->format->id, FormatId::kQ5_0);
  EXPECT_EQ(file.find_tensor("blk.1.attn_q.weight")->format->id, FormatId::kF16);
  EXPECT_EQ(file.find_tensor("blk.1.attn_k.weight")->format->id, FormatId::kQ4_0);
  EXPECT_TRUE(std::ranges::equal(file.find_tensor("blk.1.attn_q.weight")->bytes,
                                 GgufFile::open(in)->find_tensor("blk.1.attn_q.weight")->bytes));
  // Vectors stay as they are, whatever the pattern.
  ASSERT_TRUE(quantized(in, out, {.recipe = "F16", .overrides = {"*=Q4_0"}}));
  const GgufFile all = *GgufFile::open(out);
  for (const TensorView& tensor : all.tensors())
    EXPECT_EQ(tensor.format->id, tensor.rank < 2 ? FormatId::kF32 : FormatId::kQ4_0) << tensor.name;
  for (const QuantizeOptions& bad :
       {QuantizeOptions{.recipe = "Q4_0", .overrides = {"nothing=Q6_K"}},
        QuantizeOptions{.recipe = "Q4_0", .overrides = {"ffn=Q9"}},
        QuantizeOptions{.recipe = "Q4_0", .overrides = {"=Q6_K"}},
        QuantizeOptions{.recipe = "Q4_0", .keep = {"nothing"}},
        QuantizeOptions{.recipe = "Q4_0", .overrides = {"ffn=Q8_K"}}, QuantizeOptions{},
        QuantizeOptions{.recipe = "Q7"}, QuantizeOptions{.recipe = "Q4_0", .bits_per_weight = 4}})
    EXPECT_FALSE(quantized(in, path("bad.gguf"), bad));
  EXPECT_FALSE(std::filesystem::exists(path("bad.gguf")));
}

TEST_F(Quantize, ReachesATargetSize) {
  const std::string in = synthetic("llama-tiny", "F16");
  const GgufFile file = *GgufFile::open(in);
  double last_error = 1e9;
  for (const float bits : {3.5f, 5.5f}) {
    const auto plan = plan_quantize(file, {.bits_per_weight = bits}, pool_);
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_LE(plan->bits_per_weight(), bits);
    EXPECT_GT(plan->bits_per_weight(), bits - 0.25);
    // The head's error is the logits' error: no layer gets more bits.
    const auto planned_bits = [&](const char* name) {
      const auto found =
          std::ranges::find_if(plan->tensors, [&](const auto& p) { return p.tensor->name == name; });
      return 8.0 * double(found->bytes) / double(found->tensor->values());
    };
    EXPECT_GE(planned_bits("output.weight"), planned_bits("blk.3.ffn_up.weight"));
    const std::string out = path("target.gguf");
    ASSERT_TRUE(run_quantize(file, *plan, {.bits_per_weight = bits}, out, pool_));
    const GgufFile result = *GgufFile::open(out);
    double error = 0;
    for (const TensorView& tensor : result.tensors()) {
      std::vector<float> x(tensor.values()), y(tensor.values());
      ASSERT_TRUE(decode_reference(file.find_tensor(tensor.name)->format->id,
                                   file.find_tensor(tensor.name)->bytes, x));
      ASSERT_TRUE(decode_reference(tensor.format->id, tensor.bytes, y));
      double off = 0, size = 0;
      for (size_t i = 0; i < x.size(); ++i) off += (x[i] - y[i]) * (x[i] - y[i]), size += x[i] * x[i];
      error += off / size;
    }
    EXPECT_LT(error, last_error);
    last_error = error;
  }
  ASSERT_TRUE(quantized(in, path("sized.gguf"), {.size = "3MB"}));
  EXPECT_LE(std::filesystem::file_size(path("sized.gguf")), 3000000u);
  EXPECT_GT(std::filesystem::file_size(path("sized.gguf")), 2700000u);
  EXPECT_FALSE(plan_quantize(file, {.bits_per_weight = 1}, pool_));
  EXPECT_FALSE(plan_quantize(file, {.size = "10"}, pool_));
}

// At the same size, chosen formats err no more than the recipe's.
TEST_F(Quantize, ChosenFormatsBeatTheRecipeAtItsSize) {
  const GgufFile file = *GgufFile::open(synthetic("llama-tiny", "F16"));
  const auto recipe = *plan_quantize(file, {.recipe = "Q4_K_S"}, pool_);
  const auto chosen = *plan_quantize(file, {.bits_per_weight = float(recipe.bits_per_weight())}, pool_);
  const auto total_error = [&](const QuantizePlan& plan) {
    double total = 0;
    for (const PlannedTensor& planned : plan.tensors) {
      if (planned.copied()) continue;
      std::vector<float> x(planned.tensor->values()), y(x.size());
      std::vector<std::byte> bytes(planned.bytes);
      EXPECT_TRUE(decode_reference(planned.tensor->format->id, planned.tensor->bytes, x));
      EXPECT_TRUE(encode_values(planned.format->id, x, bytes));
      EXPECT_TRUE(decode_reference(planned.format->id, bytes, y));
      double off = 0, size = 0;
      for (size_t i = 0; i < x.size(); ++i) off += (x[i] - y[i]) * (x[i] - y[i]), size += x[i] * x[i];
      total += off / size;
    }
    return total;
  };
  EXPECT_LE(chosen.output_bytes, recipe.output_bytes);
  EXPECT_LT(total_error(chosen), total_error(recipe));
}

TEST_F(Quantize, NamesValuesThatAreNotFinite) {
  std::vector<float> values(512 * 64);
  fill_normal(1, 0, 0, 1, values);
  values[512 * 40 + 7] = std::numeric_limits<float>::infinity();
  const std::string in = single(values, 512);
  const auto refused = quantized(in, path("out.gguf"), {.recipe = "Q8_0"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBadFile);
  EXPECT_NE(refused.error().message.find("blk.0.ffn_up.weight"), std::string::npos);
  EXPECT_NE(refused.error().message.find(std::to_string(512 * 40 + 7)), std::string::npos)
      << refused.error().message;
  EXPECT_FALSE(std::filesystem::exists(path("out.gguf")));
  const auto allowed = quantized(in, path("out.gguf"), {.recipe = "Q8_0", .allow_non_finite = true});
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->zeroed, 1u);
}

TEST_F(Quantize, RefusesToWriteOverItsInput) {
  const std::string in = synthetic("llama-tiny", "F16");
  const auto size = std::filesystem::file_size(in);
  EXPECT_FALSE(quantized(in, in, {.recipe = "Q8_0"}));
  std::filesystem::create_hard_link(in, path("link.gguf"));
  EXPECT_FALSE(quantized(in, path("link.gguf"), {.recipe = "Q8_0"}));
  EXPECT_EQ(std::filesystem::file_size(in), size);
}

TEST_F(Quantize, RequantizesAndCopies) {
  const std::string in = synthetic("llama-tiny", "Q8_0");
  const GgufFile file = *GgufFile::open(in);
  EXPECT_GT(plan_quantize(file, {.recipe = "Q4_0"}, pool_)->requantized, 0u);
  EXPECT_EQ(plan_quantize(file, {.recipe = "Q8_0"}, pool_)->requantized, 0u);
  ASSERT_TRUE(quantized(in, path("same.gguf"), {.recipe = "Q8_0"}));
  const GgufFile same = *GgufFile::open(path("same.gguf"));
  for (const TensorView& tensor : file.tensors())
    EXPECT_TRUE(std::ranges::equal(tensor.bytes, same.find_tensor(tensor.name)->bytes)) << tensor.name;
  ASSERT_TRUE(quantized(in, path("f32.gguf"), {.recipe = "F32"}));
  EXPECT_EQ(GgufFile::open(path("f32.gguf"))->find_tensor("output.weight")->format->id, FormatId::kF32);
}

TEST_F(Quantize, TernaryModelsKeepEveryWeight) {
  const std::string in = synthetic("bitnet-tiny", "F32");
  const GgufFile file = *GgufFile::open(in);
  for (const char* recipe : {"I2_S", "TQ1_0", "TQ2_0"}) {
    ASSERT_TRUE(quantized(in, path("ternary.gguf"), {.recipe = recipe}));
    const GgufFile out = *GgufFile::open(path("ternary.gguf"));
    const TensorView& tensor = *out.find_tensor("blk.2.ffn_down.weight");
    std::vector<float> x(tensor.values()), y(tensor.values());
    ASSERT_TRUE(decode_reference(FormatId::kF32, file.find_tensor(tensor.name)->bytes, x));
    ASSERT_TRUE(decode_reference(tensor.format->id, tensor.bytes, y));
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_NEAR(x[i], y[i], std::abs(x[i]) * 5e-4) << recipe << " " << i;
  }
}

TEST(NameMatches, PatternsAreFoundAnywhere) {
  EXPECT_TRUE(name_matches("ffn_down", "blk.3.ffn_down.weight"));
  EXPECT_TRUE(name_matches("blk.*.ffn_?own", "blk.13.ffn_down.weight"));
  EXPECT_TRUE(name_matches("", "anything"));
  EXPECT_FALSE(name_matches("ffn_dawn", "blk.3.ffn_down.weight"));
  EXPECT_FALSE(name_matches("blk.?.ffn", "blk.13.ffn_down.weight"));
  // Many stars against a long name end at once.
  EXPECT_FALSE(name_matches("a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST(ParseSize, UnitsAndErrors) {
  EXPECT_EQ(*parse_size("500MB"), 500000000u);
  EXPECT_EQ(*parse_size("4.5GiB"), uint64_t(4.5 * (1u << 30)));
  EXPECT_EQ(*parse_size("1024"), 1024u);
  for (const char* bad : {"", "MB", "-1GB", "4 GB", "1e40", "nan", "0"}) EXPECT_FALSE(parse_size(bad)) << bad;
}

}  // namespace
}  // namespace nibble
