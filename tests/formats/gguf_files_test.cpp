// Real files of ../shared: what other tools wrote is read as they meant it.
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "formats/gguf.h"

namespace nibble {
namespace {

class SharedFiles : public testing::Test {
 protected:
  static GgufFile open(const std::string& name) {
    auto file = GgufFile::open(std::string(NIBBLE_SHARED_DIR) + "/" + name);
    EXPECT_TRUE(file.has_value()) << file.error().message;
    return *std::move(file);
  }
  void SetUp() override {
    if (!std::filesystem::exists(NIBBLE_SHARED_DIR "/models/stories260K.gguf"))
      GTEST_SKIP() << "needs ../shared/models and ../shared/tokenizers beside the checkout";
  }
};

TEST_F(SharedFiles, Stories260K) {
  const GgufFile file = open("models/stories260K.gguf");
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.alignment(), 32u);
  EXPECT_EQ(file.get_string("general.architecture").value(), "llama");
  const uint64_t layers = file.get_uint("llama.block_count").value().value();
  EXPECT_EQ(layers, 5u);
  EXPECT_EQ(file.get_uint("llama.embedding_length").value(), 64u);
  EXPECT_GT(file.get_float("llama.attention.layer_norm_rms_epsilon").value().value(), 0.0);
  const TensorView* embedding = file.find_tensor("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->rank, 2);
  EXPECT_EQ(embedding->row_length(), 64u);
  EXPECT_EQ(embedding->rows(), 512u);
  EXPECT_EQ(embedding->format->id, FormatId::kF32);
  EXPECT_EQ(embedding->bytes.size(), 64u * 512 * 4);
  for (uint64_t i = 0; i < layers; ++i)
    EXPECT_NE(file.find_tensor(concat("blk.", i, ".ffn_down.weight")), nullptr);
  EXPECT_EQ(file.find_tensor("blk.5.ffn_down.weight"), nullptr);
  uint64_t bytes = 0;
  for (const TensorView& tensor : file.tensors()) {
    bytes += tensor.bytes.size();
    file.prefetch(tensor);
  }
  EXPECT_LE(bytes, file.file_bytes());
  EXPECT_GT(bytes, file.file_bytes() * 9 / 10);
}

TEST_F(SharedFiles, Vocabularies) {
  const struct {
    const char* name;
    const char* model;
    uint64_t tokens;
  } cases[] = {{"llama-spm", "llama", 32000}, {"gpt-2", "gpt2", 50257}, {"bert-bge", "bert", 30522}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const GgufFile file = open(concat("tokenizers/ggml-vocab-", c.name, ".gguf"));
    EXPECT_EQ(file.get_string("tokenizer.ggml.model").value(), c.model);
    const auto tokens = file.find("tokenizer.ggml.tokens");
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->element_type(), GgufType::kString);
    EXPECT_EQ(tokens->size(), c.tokens);
    const auto texts = tokens->as_strings();
    ASSERT_TRUE(texts);
    EXPECT_EQ(texts->at(100), tokens->at(100).as_string());
    const auto types = file.find("tokenizer.ggml.token_type");
    ASSERT_TRUE(types);
    EXPECT_EQ(types->as_ints().value().size(), c.tokens);
    EXPECT_TRUE(file.tensors().empty());
  }
}

}  // namespace
}  // namespace nibble
