// `nibble convert` on small Hugging Face directories of every architecture (hf_models.py, numpy): what the
// converted file computes and how it cuts texts, against the library's semantics.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "formats/gguf.h"
#include "model/model.h"
#include "subprocess.h"
#include "support/reference_forward.h"
#include "surfaces/file_text.h"
#include "surfaces/json_check.h"
#include "temporary_folder.h"
#include "text/tokenizer.h"
#include "text/vocabulary_reader.h"
#include "transform/convert.h"

namespace nibble {
namespace {

// Float against double; a wrong factor or a missed permutation gives 1e-4 and more.
constexpr double kExact = 1e-7;

// The directories, written once for all tests; empty where python3 with numpy is missing.
const TemporaryFolder* written_models() {
  static const std::unique_ptr<TemporaryFolder> folder = [] {
    auto made = std::make_unique<TemporaryFolder>();
    for (const char* python : {"/usr/bin/python3", "python3"}) {
      const std::string script =
          concat(python, " ", NIBBLE_SOURCE_DIR, "/tests/surfaces/hf_models.py ", made->file("m"));
      if (std::system(concat(python, " -c 'import numpy' 2>", made->file("e")).c_str()) != 0) continue;
      EXPECT_EQ(std::system(script.c_str()), 0) << script;
      return made;
    }
    return std::unique_ptr<TemporaryFolder>();
  }();
  return folder.get();
}
#define MODELS_OR_SKIP(models)                                                                         \
  const TemporaryFolder* const models = written_models();                                              \
  if (!models)                                                                                         \
  GTEST_SKIP() << "python3 with numpy is missing (apt-get install python3-numpy): nothing writes the " \
                  "directories to convert"

std::vector<int32_t> numbers(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<int32_t>(stream), {}};
}

std::vector<double> reference_of(const std::string& path) {
  const std::string bytes = read_file(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return {values.begin(), values.end()};
}

std::vector<float> logits_of(const std::string& path, std::span<const int32_t> ids) {
  auto file = GgufFile::open(path);
  EXPECT_TRUE(file) << file.error().message;
  auto model = Model::load(std::make_shared<const GgufFile>(*std::move(file)), {});
  EXPECT_TRUE(model) << model.error().message;
  ThreadPool pool(2);
  Driver driver(kernels(), pool);
  Workspace workspace(driver);
  KvPool kv((*model)->kv_layout(), uint64_t{1} << 28);
  KvSequence sequence(kv);
  const Span span{&sequence, 0, ids, Span::Want::kAllLogits};
  std::vector<float> out(size_t((*model)->output_floats(span)));
  const Status status = (*model)->forward(workspace, {&span, 1}, out);
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

struct Case {
  const char* name;
  const char* architecture;
  const char* tokenizer;
  const char* pre;
};

class Convert : public testing::TestWithParam<Case> {};

TEST_P(Convert, ComputesWhatTheLibraryDoes) {
  MODELS_OR_SKIP(models);
  const Case& test = GetParam();
  const std::string folder = models->file(concat("m/", test.name)), out = concat(folder, "/out.gguf");
  const Finished run = run_nibble({"convert", folder + "/hf", out});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "");
  const std::vector<int32_t> ids = numbers(read_file(folder + "/ids.txt"));
  ASSERT_EQ(ids.size(), 40u);
  EXPECT_LE(normalized_error(logits_of(out, ids), reference_of(folder + "/logits.f32")), kExact);

  const auto file = GgufFile::open(out);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->find("general.architecture")->as_string(), test.architecture);
  EXPECT_EQ(file->find("tokenizer.ggml.model")->as_string(), test.tokenizer);
  EXPECT_EQ(file->find("tokenizer.ggml.pre")->as_string(), test.pre);
  const auto vocabulary = read_vocabulary(*file);
  ASSERT_TRUE(vocabulary);
  const auto tokenizer = Tokenizer::create(*vocabulary);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  std::istringstream lines(read_file(folder + "/tokens.txt"));
  int texts = 0;
  for (std::string text, wanted; std::getline(lines, text) && std::getline(lines, wanted); ++texts) {
    for (size_t at; (at = text.find("\\n")) != text.npos;) text.replace(at, 2, "\n");
    EXPECT_EQ(tokenizer->encode(text), numbers(wanted)) << '"' << text << '"';
  }
  EXPECT_GE(texts, 4);
}

TEST(ConvertStopped, LeavesTheOldFileAndNothingElse) {
  MODELS_OR_SKIP(models);
  const TemporaryFolder folder;
  std::ofstream(folder.file("out.gguf")) << "old";
  const auto plan = plan_convert(models->file("m/llama/hf"), {});
  ASSERT_TRUE(plan) << plan.error().message;
  ThreadPool pool(1);
  for (const bool go_on : {false, true}) {
    int calls = 0;
    const auto bytes = run_convert(*plan, folder.file("out.gguf"), pool, [&](const ConvertProgress&) {
      return ++calls < 3 || go_on;
    });
    EXPECT_EQ(bytes.has_value(), go_on);
    if (!bytes) EXPECT_EQ(bytes.error().kind, ErrorKind::kCancelled);
    if (!bytes) EXPECT_EQ(read_file(folder.file("out.gguf")), "old");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.file("")), {}), 1);
  }
}

TEST(ConvertNotFinite, IsRefusedByNameOrMadeZeroWhereAllowed) {
  MODELS_OR_SKIP(models);
  const TemporaryFolder folder;
  const std::string hf = folder.file("hf"), out = folder.file("out.gguf");
  std::filesystem::copy(models->file("m/llama/hf"), hf);
  // All ones is a NaN in every type.
  std::fstream weights(hf + "/model-00002-of-00003.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  weights.seekp(-4, std::ios::end).write("\xff\xff\xff\xff", 4);
  weights.close();
  const Finished refused = run_nibble({"convert", hf, out});
  EXPECT_EQ(refused.code, 5) << refused.err;
  EXPECT_TRUE(holds(refused.err, "has the value nan in row ") || holds(refused.err, "has the value -nan in row "))
      << refused.err;
  EXPECT_TRUE(holds(refused.err, "--allow-non-finite")) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(out));
  const Finished allowed = run_nibble({"convert", hf, out, "--allow-non-finite"});
  EXPECT_EQ(allowed.code, 0) << allowed.err;
  EXPECT_TRUE(holds(allowed.err, "values were not finite and became zeros")) << allowed.err;
}

INSTANTIATE_TEST_SUITE_P(All, Convert,
                         testing::ValuesIn<Case>({{"llama", "llama", "gpt2", "llama-bpe"},
                                                  {"llama-biased", "llama", "llama", "default"},
                                                  {"mistral", "llama", "llama", "default"},
                                                  {"qwen2", "qwen2", "gpt2", "qwen2"},
                                                  {"qwen3", "qwen3", "gpt2", "gpt-2"},
                                                  {"gemma2", "gemma2", "llama", "default"},
                                                  {"gemma3", "gemma3", "llama", "default"},
                                                  {"phi3", "phi3", "llama", "default"},
                                                  {"phi3-long", "phi3", "gpt2", "smaug-bpe"},
                                                  {"smollm3", "smollm3", "gpt2", "smaug-bpe"},
                                                  {"granite", "granite", "gpt2", "smollm"},
                                                  {"bitnet", "bitnet-b1.58", "gpt2", "llama-bpe"},
                                                  {"bitnet-first", "bitnet", "llama", "default"},
                                                  {"unigram", "llama", "t5", "default"},
                                                  {"wordpiece", "llama", "bert", "default"}}),
                         [](const auto& test) {
                           std::string name = test.param.name;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace nibble
