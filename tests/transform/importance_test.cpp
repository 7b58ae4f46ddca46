#include "transform/importance.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include "formats/gguf_writer.h"
#include "formats/quant_reference.h"
#include "transform/quantize.h"
#include "transform/synth.h"

namespace nibble {
namespace {

class Importance : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("importance_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    model_ = path("model.gguf");
    ThreadPool pool(2);
    ASSERT_TRUE(
        write_synthetic_model({.shape = "llama-tiny", .format = "F16", .outliers = true}, model_, pool));
    for (int i = 0; text_.size() < 700; ++i) text_ += "some words " + std::to_string(i * i) + ", ";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  std::unique_ptr<Engine> engine() {
    EngineOptions options;
    options.threads = 2, options.context = 256, options.batch = 48;
    return *Engine::open(model_, options);
  }

  std::filesystem::path folder_;
  std::string model_, text_;
};

// The file of one tensor's sums.
std::vector<float> sums_of(const std::string& path, const std::string& tensor) {
  const GgufFile file = *GgufFile::open(path);
  const TensorView* sums = file.find_tensor(tensor + ".in_sum2");
  EXPECT_TRUE(sums) << tensor;
  std::vector<float> values(sums ? sums->values() : 0);
  if (sums) EXPECT_TRUE(decode_reference(FormatId::kF32, sums->bytes, values));
  return values;
}

TEST_F(Importance, CollectsEveryMatrix) {
  const auto engine = this->engine();
  const auto matrix = collect_importance(*engine, text_, "words", {.context = 100, .chunks = 4}, path("m"));
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_EQ(matrix->chunks, 4u);
  EXPECT_EQ(matrix->size(), 8 * 7 + 1u);  // the head is its own
  const GgufFile file = *GgufFile::open(model_);
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.rank != 2 || tensor.name == "token_embd.weight") continue;
    const auto weights = matrix->weights(tensor);
    ASSERT_TRUE(weights) << weights.error().message;
    ASSERT_EQ(weights->size(), tensor.row_length()) << tensor.name;
    for (const float w : *weights) ASSERT_GT(w, 0) << tensor.name;
  }
  // The channel that the norms make 50 times larger drives attn_q far more than the others.
  const auto weights = *matrix->weights(*file.find_tensor("blk.1.attn_q.weight"));
  std::vector<float> sorted(weights.begin(), weights.end());
  std::ranges::sort(sorted);
  EXPECT_GT(sorted[255], 100 * sorted[128]);
  const GgufFile saved = *GgufFile::open(path("m"));
  EXPECT_EQ(saved.find("general.type")->as_string(), "imatrix");
  EXPECT_EQ(saved.find("imatrix.chunk_size")->as_uint(), 100u);
}

TEST_F(Importance, ResumesWhereItEnded) {
  const auto engine = this->engine();
  ASSERT_TRUE(collect_importance(*engine, text_, "t", {.context = 100, .chunks = 4}, path("whole")));
  ASSERT_TRUE(collect_importance(*engine, text_, "t", {.context = 100, .chunks = 2}, path("parts")));
  const auto rest =
      collect_importance(*engine, text_, "t", {.context = 100, .chunks = 4, .resume = true}, path("parts"));
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_EQ(rest->chunks, 4u);
  const auto whole = sums_of(path("whole"), "blk.3.ffn_down.weight"),
             parts = sums_of(path("parts"), "blk.3.ffn_down.weight");
  ASSERT_EQ(whole.size(), parts.size());
  EXPECT_EQ(whole, parts);
  EXPECT_FALSE(collect_importance(*engine, text_, "t", {.context = 64, .resume = true}, path("parts")));
  const ImportanceOptions resume{.context = 100, .chunks = 4, .resume = true};
  const auto other_text = collect_importance(*engine, "Other " + text_, "t", resume, path("parts"));
  ASSERT_FALSE(other_text);
  EXPECT_NE(other_text.error().message.find("another text"), std::string::npos) << other_text.error().message;
  EXPECT_FALSE(collect_importance(*engine, text_.substr(0, 300), "t", resume, path("parts")));
  EXPECT_TRUE(collect_importance(*engine, text_ + " and more of it", "t", resume, path("parts")));
  EXPECT_TRUE(collect_importance(*engine, text_, "t", resume, path("absent"))) << "nothing there yet: from the start";
  EXPECT_EQ(sums_of(path("absent"), "blk.3.ffn_down.weight"), whole);
  EXPECT_FALSE(collect_importance(*engine, "short", "t", {.context = 100}, path("short")));
}

TEST_F(Importance, StoppedItSavesWhatItHas) {
  const auto engine = this->engine();
  const ImportanceOptions options{.context = 100, .chunks = 4};
  const auto stopped = collect_importance(*engine, text_, "t", options, path("m"),
                                          [](int64_t chunk, int64_t) { return chunk < 3; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(ImportanceMatrix::load(path("m"))->chunks, 3u);
  EXPECT_EQ(collect_importance(*engine, text_, "t", options, model_).error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(collect_importance(*engine, text_, "t", options, path("no") + "/m").error().kind, ErrorKind::kNotFound);
}

// The shape is the same, the weights are not.
TEST_F(Importance, ResumesWithTheSameWeightsOnly) {
  const ImportanceOptions options{.context = 100, .chunks = 1};
  ASSERT_TRUE(collect_importance(*this->engine(), text_, "t", options, path("m")));
  ThreadPool pool(2);
  ASSERT_TRUE(write_synthetic_model({.shape = "llama-tiny", .format = "F16", .seed = 7}, model_, pool));
  const auto resumed = collect_importance(*this->engine(), text_, "t",
                                          {.context = 100, .chunks = 2, .resume = true}, path("m"));
  ASSERT_FALSE(resumed);
  EXPECT_NE(resumed.error().message.find("another model"), std::string::npos) << resumed.error().message;
}

TEST_F(Importance, OfAnotherModelIsRefused) {
  const auto engine = this->engine();
  const auto write = [&](const char* tensor, uint64_t inputs) {
    auto writer = *GgufWriter::create(path("other"));
    writer.set_uint32("imatrix.chunk_size", 100);
    const uint64_t sum_dims[] = {inputs, 1}, count_dims[] = {1, 1};
    EXPECT_TRUE(writer.declare_tensor(concat(tensor, ".in_sum2"), sum_dims, FormatId::kF32));
    EXPECT_TRUE(writer.declare_tensor(concat(tensor, ".counts"), count_dims, FormatId::kF32));
    const std::vector<float> sums(inputs, 1.0f), counts(1, 1.0f);
    EXPECT_TRUE(writer.write_tensor_data(std::as_bytes(std::span(sums))));
    EXPECT_TRUE(writer.write_tensor_data(std::as_bytes(std::span(counts))));
    EXPECT_TRUE(writer.finish());
  };
  ThreadPool pool(2);
  const GgufFile file = *GgufFile::open(model_);
  const ImportanceOptions resume{.context = 100, .resume = true};
  for (const auto& [tensor, inputs] :
       {std::pair("blk.99.attn_q.weight", 256), std::pair("blk.0.attn_q.weight", 64)}) {
    write(tensor, uint64_t(inputs));
    const auto resumed = collect_importance(*engine, text_, "t", resume, path("other"));
    ASSERT_FALSE(resumed);
    EXPECT_NE(resumed.error().message.find(tensor), std::string::npos) << resumed.error().message;
    const auto plan = plan_quantize(file, {.recipe = "Q4_K_M", .importance = path("other")}, pool);
    ASSERT_FALSE(plan) << tensor;
    EXPECT_NE(plan.error().message.find(path("other")), std::string::npos) << plan.error().message;
  }
}

TEST_F(Importance, LowersTheWeightedErrorOfAFile) {
  const auto engine = this->engine();
  const auto matrix = collect_importance(*engine, text_, "t", {.context = 100, .chunks = 4}, path("m"));
  ASSERT_TRUE(matrix);
  ThreadPool pool(2);
  const GgufFile file = *GgufFile::open(model_);
  double errors[2] = {};
  for (const bool weighted : {false, true}) {
    QuantizeOptions options{.recipe = "Q3_K_S"};
    if (weighted) options.importance = path("m");
    const auto plan = plan_quantize(file, options, pool);
    ASSERT_TRUE(plan) << plan.error().message;
    ASSERT_TRUE(run_quantize(file, *plan, options, path("out.gguf"), pool));
    const GgufFile out = *GgufFile::open(path("out.gguf"));
    const TensorView& tensor = *out.find_tensor("blk.2.ffn_up.weight");
    std::vector<float> x(tensor.values()), y(tensor.values());
    ASSERT_TRUE(decode_reference(FormatId::kF16, file.find_tensor(tensor.name)->bytes, x));
    ASSERT_TRUE(decode_reference(tensor.format->id, tensor.bytes, y));
    const auto weights = *matrix->weights(tensor);
    for (size_t i = 0; i < x.size(); ++i)
      errors[weighted] += weights[i % weights.size()] * (x[i] - y[i]) * (x[i] - y[i]);
  }
  EXPECT_LT(errors[1], errors[0] * 0.8);
}

// The form llama.cpp wrote before GGUF.
TEST_F(Importance, ReadsTheOlderForm) {
  std::string bytes;
  const auto number = [&](int32_t value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const auto text = [&](std::string_view name) {
    number(int32_t(name.size()));
    bytes += name;
  };
  const auto entry = [&](std::string_view name, int32_t calls, std::vector<float> values) {
    text(name);
    number(calls), number(int32_t(values.size()));
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  };
  number(2);
  entry("blk.0.attn_q.weight", 2, std::vector<float>(256, 3.0f));
  entry("blk.0.ffn_down_exps.weight", 4, {2, 4, 6, 8});  // a stack of two matrices of two inputs
  const size_t entries_end = bytes.size();
  number(7);
  text("words.txt");
  const auto load = [&](std::string_view part) {
    std::ofstream(path("old.dat"), std::ios::binary) << part;
    return ImportanceMatrix::load(path("old.dat"));
  };
  const auto matrix = load(bytes);
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_EQ(matrix->chunks, 7u);
  EXPECT_EQ(matrix->dataset, "words.txt");
  const GgufFile file = *GgufFile::open(model_);
  const auto weights = matrix->weights(*file.find_tensor("blk.0.attn_q.weight"));
  ASSERT_TRUE(weights) << weights.error().message;
  for (const float w : *weights) EXPECT_EQ(w, 1.5f);
  TensorView stack;
  stack.name = "blk.0.ffn_down_exps.weight", stack.rank = 3;
  stack.dims[0] = 2, stack.dims[1] = 3, stack.dims[2] = 2;
  const auto stacked = matrix->weights(stack);
  ASSERT_TRUE(stacked) << stacked.error().message;
  EXPECT_EQ(std::vector<float>(stacked->begin(), stacked->end()), (std::vector<float>{0.5f, 1, 1.5f, 2}));
  EXPECT_TRUE(load(std::string_view(bytes).substr(0, entries_end)));  // the older ones end there
  for (size_t size = 0; size < bytes.size(); size += size < 60 ? 1 : 13)
    if (size != entries_end && size != entries_end + 4)
      EXPECT_FALSE(load(std::string_view(bytes).substr(0, size))) << size;
  for (const size_t at : {3u, 7u, 30u, 34u}) {  // signs and high bytes of the first numbers
    std::string broken = bytes;
    broken[at] = char(0x80);
    EXPECT_FALSE(load(broken)) << at;
  }
}

TEST_F(Importance, BadFilesAreErrors) {
  EXPECT_FALSE(ImportanceMatrix::load(path("absent")));
  EXPECT_FALSE(ImportanceMatrix::load(model_));  // a model, not a matrix
  const auto write = [&](std::vector<float> sums, std::vector<float> counts, const char* counts_name) {
    auto writer = *GgufWriter::create(path("bad"));
    const uint64_t sum_dims[] = {4, sums.size() / 4}, count_dims[] = {1, counts.size()};
    EXPECT_TRUE(writer.declare_tensor("w.weight.in_sum2", sum_dims, FormatId::kF32));
    EXPECT_TRUE(writer.declare_tensor(counts_name, count_dims, FormatId::kF32));
    EXPECT_TRUE(writer.write_tensor_data(std::as_bytes(std::span(sums))));
    EXPECT_TRUE(writer.write_tensor_data(std::as_bytes(std::span(counts))));
    EXPECT_TRUE(writer.finish());
    return ImportanceMatrix::load(path("bad"));
  };
  EXPECT_TRUE(write({1, 2, 3, 4}, {2}, "w.weight.counts"));
  EXPECT_FALSE(write({1, 2, 3, 4}, {2, 2}, "w.weight.counts"));
  EXPECT_FALSE(write({1, 2, 3, 4}, {2}, "w.counts"));
  EXPECT_FALSE(write({1, -2, 3, 4}, {2}, "w.weight.counts"));
  EXPECT_FALSE(write({1, 2, 3, std::numeric_limits<float>::quiet_NaN()}, {2}, "w.weight.counts"));
}

}  // namespace
}  // namespace nibble
