#include "model/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "support/naive_kernels.h"
#include "support/tiny_model.h"

namespace nibble {
namespace {

Result<ModelWeights> load(const GgufFile& file) {
  const Result<ModelConfig> config = read_model_config(file);
  EXPECT_TRUE(config.has_value()) << config.error().message;
  return load_weights(file, *config, naive_kernels());
}

TensorSpec& spec_named(std::vector<TensorSpec>& specs, std::string_view name) {
  const auto at = std::ranges::find(specs, name, &TensorSpec::name);
  EXPECT_NE(at, specs.end()) << name;
  return *at;
}

TEST(Weights, EveryRequiredTensorIsMissedByName) {
  for (const Architecture& row : architectures()) {
    const ModelConfig config = make_model_config(row, TinyModelOptions{}.shape);
    for (const TensorSpec& spec : expected_tensors(config)) {
      if (spec.presence != Presence::kRequired || spec.name.starts_with("blk.2")) continue;
      const auto file = make_tiny_model({.architecture = row.name, .adjust_tensors = [&](auto& specs) {
                                           std::erase_if(specs, [&](auto& s) { return s.name == spec.name; });
                                         }});
      const Result<ModelWeights> weights = load(*file);
      ASSERT_FALSE(weights.has_value()) << row.name << " " << spec.name;
      EXPECT_EQ(weights.error().kind, ErrorKind::kBadFile);
      EXPECT_NE(weights.error().message.find(spec.name), std::string::npos) << weights.error().message;
    }
  }
}

TEST(Weights, EveryShapeIsCheckedAndTheErrorSaysBoth) {
  for (const std::string_view architecture : {"llama", "phi3", "gemma3", "bitnet"}) {
    const ModelConfig config = make_model_config(**find_architecture(architecture), TinyModelOptions{}.shape);
    for (const TensorSpec& spec : expected_tensors(config)) {
      if (spec.name.starts_with("blk.") && !spec.name.starts_with("blk.1.")) continue;
      const auto file = make_tiny_model(
          {.architecture = architecture, .optional_tensors = true, .adjust_tensors = [&](auto& specs) {
             spec_named(specs, spec.name).dims.back() += 1;
           }});
      const Result<ModelWeights> weights = load(*file);
      ASSERT_FALSE(weights.has_value()) << spec.name;
      const std::string& message = weights.error().message;
      EXPECT_NE(message.find(spec.name), std::string::npos) << message;
      EXPECT_NE(message.find(concat(spec.dims.back(), "]")), std::string::npos) << message;
      EXPECT_NE(message.find(concat(spec.dims.back() + 1, "]")), std::string::npos) << message;
    }
  }
}

TEST(Weights, FusedTensorsAreViewsOfTheirRows) {
  const auto file = make_tiny_model({.architecture = "phi3", .optional_tensors = true});
  const Result<ModelWeights> weights = load(*file);
  ASSERT_TRUE(weights.has_value()) << weights.error().message;
  const LayerWeights& layer = weights->layers[1];
  const TensorView& qkv = *file->find_tensor("blk.1.attn_qkv.weight");
  EXPECT_EQ(layer.attn_q.view.rows(), 64u);
  EXPECT_EQ(layer.attn_k.view.rows(), 32u);
  EXPECT_EQ(layer.attn_v.view.rows(), 32u);
  EXPECT_EQ(layer.attn_q.view.bytes.data(), qkv.bytes.data());
  EXPECT_EQ(layer.attn_k.view.bytes.data(), qkv.bytes.data() + 64 * qkv.row_bytes());
  EXPECT_EQ(layer.attn_v.view.bytes.data() + layer.attn_v.view.bytes.size(),
            qkv.bytes.data() + qkv.bytes.size());
  const TensorView& bias = *file->find_tensor("blk.1.attn_qkv.bias");
  float first_of_k;
  std::memcpy(&first_of_k, bias.bytes.data() + 64 * sizeof(float), sizeof(float));
  EXPECT_EQ(layer.attn_k.bias[0], first_of_k);
  EXPECT_EQ(layer.attn_k.bias.size(), 32u);
  const TensorView& gate_up = *file->find_tensor("blk.1.ffn_up.weight");
  EXPECT_EQ(layer.ffn_gate.view.bytes.data(), gate_up.bytes.data());
  EXPECT_EQ(layer.ffn_up.view.bytes.data(), gate_up.bytes.data() + 96 * gate_up.row_bytes());
}

TEST(Weights, TheHeadIsTiedWhereNoOutputTensorIs) {
  EXPECT_TRUE(load(*make_tiny_model({}))->tied);
  const auto file = make_tiny_model({.optional_tensors = true});
  const Result<ModelWeights> untied = load(*file);
  EXPECT_FALSE(untied->tied);
  EXPECT_EQ(untied->output.view.bytes.data(), file->find_tensor("output.weight")->bytes.data());
}

TEST(Weights, UnusedTensorsAreListedAndIgnored) {
  const auto file = make_tiny_model({.adjust_tensors = [](auto& specs) {
    specs.push_back({"rope_freqs_extra", {8}, TensorKind::kNorm, Presence::kOptional});
  }});
  ASSERT_TRUE(load(*file).has_value());
  EXPECT_EQ(unused_tensors(*file, *read_model_config(*file)), std::vector<std::string>{"rope_freqs_extra"});
  EXPECT_TRUE(
      unused_tensors(*make_tiny_model({.optional_tensors = true}), *read_model_config(*file)).empty());
}

TEST(Weights, FormatsWithoutAKernelAreRefusedByName) {
  const auto file = make_tiny_model({.matrices = FormatId::kQ8_0});  // the naive table knows floats only
  const Result<ModelWeights> weights = load(*file);
  ASSERT_FALSE(weights.has_value());
  EXPECT_EQ(weights.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(weights.error().message.find("Q8_0"), std::string::npos) << weights.error().message;
}

TEST(Weights, NormsBiasesAndRopeFactorsMustBeUsableNumbers) {
  const auto refuse = [](std::string_view name, float value) {
    const auto file = make_tiny_model(
        {.optional_tensors = true, .adjust_values = [&](const TensorSpec& spec, auto& values) {
           if (spec.name == name) values.back() = value;
         }});
    const Result<ModelWeights> weights = load(*file);
    ASSERT_FALSE(weights.has_value()) << name << " " << value;
    EXPECT_EQ(weights.error().kind, ErrorKind::kBadFile);
    EXPECT_NE(weights.error().message.find(name), std::string::npos) << weights.error().message;
  };
  refuse("blk.3.attn_norm.weight", std::numeric_limits<float>::quiet_NaN());
  refuse("blk.0.attn_q.bias", std::numeric_limits<float>::infinity());
  refuse("output_norm.weight", -std::numeric_limits<float>::infinity());
  for (const float factor : {0.0f, -1.0f, 1e-30f, 1e30f}) refuse("rope_freqs.weight", factor);
}

TEST(Weights, EveryMatrixHasOneRoleThatReadsIt) {
  for (const Architecture& row : architectures()) {
    const ModelConfig config = make_model_config(row, TinyModelOptions{}.shape);
    std::vector<std::string> by_role, by_spec;
    using enum ActivationRole;
    for (int layer = 0; layer < int(config.layers.size()); ++layer)
      for (const ActivationRole role : {kAttentionInput, kAttentionOutput, kFfnInput, kFfnDown})
        std::ranges::copy(tensors_reading(config, layer, role), std::back_inserter(by_role));
    for (const TensorSpec& spec : expected_tensors(config))
      if (spec.kind == TensorKind::kMatrix && spec.name != "output.weight") by_spec.push_back(spec.name);
    EXPECT_EQ(by_role, by_spec) << row.name;
  }
}

}  // namespace
}  // namespace nibble
