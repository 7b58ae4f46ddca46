#include "model/model_config.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/tiny_model.h"

namespace nibble {
namespace {

// A model file whose keys were changed after they were right.
Result<ModelConfig> read_with(std::function<void(GgufWriter&)> keys,
                              std::string_view architecture = "llama") {
  const auto file = make_tiny_model({.architecture = architecture, .adjust_keys = std::move(keys)});
  return read_model_config(*file);
}

void expect_refused(std::function<void(GgufWriter&)> keys, std::string_view mention,
                    ErrorKind kind = ErrorKind::kBadFile, std::string_view architecture = "llama") {
  const Result<ModelConfig> config = read_with(std::move(keys), architecture);
  ASSERT_FALSE(config.has_value()) << mention;
  EXPECT_EQ(config.error().kind, kind) << config.error().message;
  EXPECT_NE(config.error().message.find(mention), std::string::npos) << config.error().message;
  EXPECT_NE(config.error().message.find("tiny.gguf"), std::string::npos) << config.error().message;
}

TEST(Architectures, UnknownOnesAreNamedWithTheKnown) {
  const auto found = find_architecture("mamba\x1b[2J");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(found.error().message.find("mamba"), std::string::npos);
  EXPECT_EQ(found.error().message.find('\x1b'), std::string::npos);
  for (const Architecture& row : architectures())
    EXPECT_NE(found.error().message.find(row.name), std::string::npos) << row.name;
}

TEST(ModelConfig, EveryArchitectureIsReadBackAsWritten) {
  for (const Architecture& row : architectures()) {
    TinyModelOptions options{.architecture = row.name};
    ModelConfig written;
    options.adjust = [&](ModelConfig& config) {
      config.rope_base = 123456;
      config.rope_scaling = {.kind = RopeScaling::Kind::kYarn, .factor = 4, .original_context = 256};
      config.layers[1].ffn_length = 64;
      config.layers[2].kv_heads = 1;
      if (row.scale_keys) {
        config.attention_scale = 0.5f;
        config.embedding_scale = 12;
        config.residual_scale = 0.25f;
        config.logit_scale = 8;
      }
      written = config;
    };
    const auto file = make_tiny_model(options);
    const Result<ModelConfig> read = read_model_config(*file);
    ASSERT_TRUE(read.has_value()) << row.name << ": " << read.error().message;
    EXPECT_EQ(*read, written) << row.name;
  }
}

TEST(ModelConfig, RowsDecideWhatFilesLeaveOut) {
  const auto without = [](std::string_view architecture, std::vector<std::string> keys) {
    return *read_with(
        [&](GgufWriter& writer) {
          for (const std::string& key : keys) writer.remove(concat(architecture, ".", key));
        },
        architecture);
  };
  const ModelConfig gemma2 =
      without("gemma2", {"attention.sliding_window", "attention.sliding_window_pattern",
                         "attn_logit_softcapping", "final_logit_softcapping"});
  EXPECT_EQ(gemma2.layers[0].window, 4096);
  EXPECT_EQ(gemma2.layers[1].window, 0);
  EXPECT_EQ(gemma2.attention_softcap, 50);
  EXPECT_EQ(gemma2.logit_softcap, 30);
  EXPECT_EQ(gemma2.embedding_scale, 8);  // sqrt(64)
  const ModelConfig gemma3 = without("gemma3", {"attention.sliding_window_pattern", "rope.freq_base_swa"});
  EXPECT_EQ(gemma3.layers[3].window, 24);
  EXPECT_TRUE(gemma3.layers[3].local_rope);
  EXPECT_EQ(gemma3.local_rope_base, 10000);
  const ModelConfig smollm3 = without("smollm3", {});
  EXPECT_TRUE(smollm3.layers[2].rope);
  EXPECT_FALSE(smollm3.layers[3].rope);
  const ModelConfig llama =
      without("llama", {"attention.head_count_kv", "attention.key_length", "rope.freq_base",
                        "attention.value_length", "rope.dimension_count"});
  EXPECT_EQ(llama.layers[0].kv_heads, 4);
  EXPECT_EQ(llama.head_dim, 16);
  EXPECT_EQ(llama.rope_base, 10000);
}

TEST(ModelConfig, MissingKeysAreNamed) {
  for (const char* key : {"context_length", "embedding_length", "block_count", "feed_forward_length",
                          "attention.head_count", "attention.layer_norm_rms_epsilon", "vocab_size"})
    expect_refused([&](GgufWriter& writer) { writer.remove(concat("llama.", key)); }, concat("llama.", key));
  expect_refused([](GgufWriter& writer) { writer.remove("general.architecture"); }, "general.architecture");
  expect_refused([](GgufWriter& writer) { writer.remove("granite.logit_scale"); }, "granite.logit_scale",
                 ErrorKind::kBadFile, "granite");
}

TEST(ModelConfig, HostileIntegersAreRefusedByName) {
  for (const char* key : {"context_length", "embedding_length", "block_count", "feed_forward_length",
                          "attention.head_count", "attention.head_count_kv", "attention.key_length",
                          "attention.value_length", "rope.dimension_count", "vocab_size"}) {
    const std::string name = concat("llama.", key);
    for (const uint64_t value : {uint64_t{0}, uint64_t{1} << 31, ~uint64_t{0}})
      expect_refused([&](GgufWriter& writer) { writer.set_uint64(name, value); }, name);
    expect_refused([&](GgufWriter& writer) { writer.set_int32(name, -1); }, name);
    expect_refused([&](GgufWriter& writer) { writer.set_string(name, "many"); }, name);
    expect_refused([&](GgufWriter& writer) { writer.set_float32(name, 1.5f); }, name);
  }
}

TEST(ModelConfig, HostileRealsAreRefusedByName) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  for (const char* key : {"rope.freq_base", "rope.scaling.factor", "rope.scaling.attn_factor",
                          "attention.layer_norm_rms_epsilon"})
    for (const float value : {nan, infinity, -1.0f}) {
      const std::string name = concat("llama.", key);
      expect_refused([&](GgufWriter& writer) { writer.set_float32(name, value); }, name);
    }
  for (const char* key : {"logit_scale", "embedding_scale", "residual_scale", "attention.scale"}) {
    const std::string name = concat("granite.", key);
    expect_refused([&](GgufWriter& writer) { writer.set_float32(name, nan); }, name, ErrorKind::kBadFile,
                   "granite");
  }
  expect_refused([](GgufWriter& writer) { writer.set_float32("granite.logit_scale", 0); },
                 "granite.logit_scale", ErrorKind::kBadFile, "granite");
}

TEST(ModelConfig, ShapesThatDoNotFitTogetherAreRefused) {
  const auto set = [](std::string name, uint32_t value) {
    return [=](GgufWriter& writer) { writer.set_uint32(name, value); };
  };
  expect_refused(set("llama.attention.head_count_kv", 3), "llama.attention.head_count_kv");
  expect_refused(set("llama.attention.head_count_kv", 8), "llama.attention.head_count_kv");
  expect_refused(set("llama.attention.value_length", 32), "llama.attention.value_length",
                 ErrorKind::kUnsupported);
  expect_refused(set("llama.rope.dimension_count", 18), "llama.rope.dimension_count");
  expect_refused(set("llama.rope.dimension_count", 5), "llama.rope.dimension_count");
  expect_refused(set("llama.expert_count", 8), "llama.expert_count", ErrorKind::kUnsupported);
  expect_refused(
      [](GgufWriter& writer) {
        writer.remove("llama.attention.key_length");
        writer.set_uint32("llama.attention.head_count", 5);
      },
      "llama.attention.head_count");
  expect_refused(
      [](GgufWriter& writer) {
        writer.set_uint32("llama.attention.key_length", 12);
        writer.set_uint32("llama.attention.value_length", 12);
      },
      "llama.attention.key_length", ErrorKind::kUnsupported);
  expect_refused([](GgufWriter& writer) { writer.set_string("llama.rope.scaling.type", "dynamic"); },
                 "llama.rope.scaling.type", ErrorKind::kUnsupported);
}

TEST(ModelConfig, PerLayerArraysMustCoverTheLayers) {
  const std::string name = "llama.attention.head_count_kv";
  const auto with = [&](std::vector<uint32_t> values) {
    return [=](GgufWriter& writer) { writer.set_uint32s(name, values); };
  };
  EXPECT_EQ(read_with(with({4, 2, 1, 4}))->layers[2].kv_heads, 1);
  expect_refused(with({4, 2, 1}), name);
  expect_refused(with({4, 2, 0, 4}), concat(name, "[2]"));
  expect_refused(with({4, 2, 3, 4}), name);
  expect_refused(
      [&](GgufWriter& writer) {
        writer.set_floats(name, std::vector<float>{1, 2, 2, 1.5f});
      },
      name);
  const std::string pattern = "gemma3.attention.sliding_window_pattern";
  expect_refused(
      [&](GgufWriter& writer) {
        writer.set_int32s(pattern, std::vector<int32_t>{1, 0});
      },
      pattern, ErrorKind::kBadFile, "gemma3");
  const auto every_second = read_with([&](GgufWriter& writer) { writer.set_uint32(pattern, 2); }, "gemma3");
  EXPECT_EQ(every_second->layers[0].window, 24);
  EXPECT_EQ(every_second->layers[1].window, 0);
}

TEST(ModelConfig, TheTokenizersListDecidesTheVocabulary) {
  const auto config = read_with([](GgufWriter& writer) {
    writer.set_strings("tokenizer.ggml.tokens", std::vector<std::string>(77, "t"));
  });
  EXPECT_EQ(config->vocabulary, 77);
}

}  // namespace
}  // namespace nibble
