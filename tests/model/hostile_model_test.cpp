// Model files with damaged headers: every one is refused or runs, none harms.
#include <gtest/gtest.h>

#include <span>

#include "base/scratch_directory.h"
#include "model/model.h"
#include "support/tiny_model.h"

namespace nibble {
namespace {

// Loads and runs what can be run; what comes out does not matter.
void survive(const std::string& bytes, const KernelTable& table = kernels()) {
  Result<GgufFile> file = GgufFile::parse(std::as_bytes(std::span(bytes)), "damaged");
  if (!file) return;
  const auto model = Model::load(std::make_shared<const GgufFile>(*std::move(file)));
  if (!model) {
    EXPECT_FALSE(model.error().message.empty());
    return;
  }
  ThreadPool pool(1);
  Driver driver(table, pool);
  Workspace workspace(driver);
  KvPool kv((*model)->kv_layout(), 1 << 22);
  KvSequence sequence(kv);
  const std::vector<int32_t> tokens = {0};
  const Span span{&sequence, 0, tokens};
  std::vector<float> out(size_t((*model)->output_floats(span)));
  (void)(*model)->forward(workspace, {&span, 1}, out);
}

class HostileModel : public testing::TestWithParam<const char*> {};

TEST_P(HostileModel, DamagedHeadersDoNoHarm) {
  const ScratchDirectory directory;
  const std::string path = directory / "tiny.gguf";
  TinyModelOptions options{.architecture = GetParam(), .optional_tensors = true};
  options.shape.layers = 2;
  write_tiny_model(path, options);
  const std::string good = read_whole(path);
  const Result<GgufFile> file = GgufFile::open(path);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  size_t weights = 0;
  for (const TensorView& tensor : file->tensors()) weights += tensor.bytes.size();
  const size_t header = good.size() - weights;  // and a little of the first weights
  const std::vector<int32_t> choices = random_tokens(3 * 1500, int64_t(header) * 256, 3);
  for (size_t i = 0; i < choices.size(); i += 3) {
    std::string bytes = good;
    for (size_t j = 0; j < 1 + i / 3 % 3; ++j) bytes[size_t(choices[i + j]) / 256] = char(choices[i + j]);
    survive(bytes);
  }
  for (size_t length = 0; length < header; length += 7) survive(good.substr(0, length));
}

// Scales that are NaN or infinite, codes that do not occur: the sum is an error, never a crash.
TEST(HostileWeights, RandomBytesDoNoHarmOnAnyTable) {
  for (const FormatId format :
       {FormatId::kF16, FormatId::kQ8_0, FormatId::kQ4_K, FormatId::kQ6_K, FormatId::kI2_S}) {
    if (!kernels().matmul[format_index(format)]) continue;
    const ScratchDirectory directory;
    const std::string path = directory / "tiny.gguf";
    TinyModelOptions options{.architecture = "bitnet-b1.58", .matrices = format};
    options.shape = {.vocabulary = 64,
                     .context = 64,
                     .width = 256,
                     .ffn_length = 256,
                     .layers = 1,
                     .heads = 4,
                     .kv_heads = 2,
                     .head_dim = 64};
    write_tiny_model(path, options);
    const std::string good = read_whole(path);
    for (const uint64_t seed : {1, 2, 3}) {
      std::string bytes = good;
      const std::vector<int32_t> noise = random_tokens(bytes.size() / 2, 256, seed);
      for (size_t i = 0; i < noise.size(); ++i) bytes[bytes.size() / 2 + i] = char(noise[i]);
      for (const KernelTable* table : available_kernels()) survive(bytes, *table);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, HostileModel, testing::Values("llama", "gemma3", "phi3", "bitnet"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace nibble
