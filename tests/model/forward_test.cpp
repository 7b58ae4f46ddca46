#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/model.h"
#include "support/allocation_count.h"
#include "support/naive_kernels.h"
#include "support/reference_forward.h"
#include "support/tiny_model.h"

namespace nibble {
namespace {

using Want = Span::Want;

std::unique_ptr<Model> load(const TinyModelOptions& options, int64_t context = 0, KvType kv = KvType::kF16) {
  Result<std::unique_ptr<Model>> model = Model::load(make_tiny_model(options), {.context = context, .kv = kv});
  if (!model) {
    ADD_FAILURE() << options.architecture << ": " << model.error().message;
    return nullptr;
  }
  return *std::move(model);
}

// A model's runs with one table and one number of threads.
struct Runner {
  explicit Runner(const Model& model_in, int threads = 1, const KernelTable& table = kernels())
      : model(model_in),
        pool(threads),
        driver(table, pool),
        workspace(driver),
        kv(model_in.kv_layout(), 1 << 28) {}

  std::vector<float> forward(std::vector<Span> spans, ActivationObserver* observer = nullptr) {
    size_t floats = 0;
    for (const Span& span : spans) floats += size_t(model.output_floats(span));
    std::vector<float> out(floats);
    const Status status = model.forward(workspace, spans, out, observer);
    EXPECT_TRUE(status.has_value()) << status.error().message;
    return out;
  }
  // All logits of a new sequence fed `chunk` tokens at a time.
  std::vector<float> logits(std::span<const int32_t> tokens, size_t chunk) {
    KvSequence sequence(kv);
    std::vector<float> all;
    for (size_t at = 0; at < tokens.size(); at += chunk) {
      const auto part = tokens.subspan(at, std::min(chunk, tokens.size() - at));
      const std::vector<float> out = forward({{&sequence, int64_t(at), part, Want::kAllLogits}});
      all.insert(all.end(), out.begin(), out.end());
    }
    return all;
  }

  const Model& model;
  ThreadPool pool;
  Driver driver;
  Workspace workspace;
  KvPool kv;
};

// A file for each thing that an architecture may or may not have.
std::vector<TinyModelOptions> variants() {
  std::vector<TinyModelOptions> all;
  for (const Architecture& row : architectures()) {
    all.push_back({.architecture = row.name});
    all.push_back({.architecture = row.name, .optional_tensors = true});
  }
  all.push_back({.architecture = "llama", .matrices = FormatId::kF16, .adjust = [](ModelConfig& config) {
                   config.rope_scaling = {
                       .kind = RopeScaling::Kind::kYarn, .factor = 4, .original_context = 256};
                 }});
  all.push_back({.architecture = "qwen3", .matrices = FormatId::kBF16, .adjust = [](ModelConfig& config) {
                   config.rope_scaling.factor = 4;
                   config.rotated_dim = 8;
                 }});
  all.push_back({.architecture = "llama", .adjust = [](ModelConfig& config) {
                   config.layers[1] = {.heads = 4, .kv_heads = 4, .ffn_length = 32};
                   config.layers[3] = {.heads = 8, .kv_heads = 1, .ffn_length = 160};
                 }});
  all.push_back({.architecture = "granite", .adjust = [](ModelConfig& config) {
                   config.attention_scale = 0.4f;
                   config.embedding_scale = 12;
                   config.residual_scale = 0.3f;
                   config.logit_scale = 8;
                 }});
  all.push_back({.architecture = "phi3", .adjust = [](ModelConfig& config) {
                   config.rope_scaling = {
                       .kind = RopeScaling::Kind::kLong, .original_context = 64, .attn_factor = 1.2};
                 }});
  return all;
}

// What is left between float and double: mostly keys and values that f16 rounds the other way.
constexpr double kFloatError = 1e-8;

TEST(Forward, MatchesTheReferenceOnEveryArchitectureAndTable) {
  std::vector<const KernelTable*> tables = {&naive_kernels()};
  for (const KernelTable* table : available_kernels()) tables.push_back(table);
  for (const TinyModelOptions& options : variants()) {
    const auto model = load(options);
    ASSERT_TRUE(model);
    const std::vector<int32_t> tokens = random_tokens(70, model->config().vocabulary);
    const std::vector<double> wanted = reference_logits(model->file(), model->config(), tokens);
    std::vector<float> bits;  // of the first ISA table: all others give the same
    for (const KernelTable* table : tables) {
      const std::vector<float> found = Runner(*model, 1, *table).logits(tokens, 70);
      EXPECT_LE(normalized_error(found, wanted), kFloatError)
          << options.architecture << " on " << table->name;
      if (table == &naive_kernels()) continue;
      if (bits.empty()) bits = found;
      EXPECT_EQ(found, bits) << options.architecture << " on " << table->name;
    }
  }
}

// Weights as they decode, activations quantized to eight bits: the error of a pass is that of the
// activations.
TEST(Forward, EveryFormatMatchesTheReferenceAndHasTheSameBitsOnEveryTable) {
  for (const Format& format : kFormats) {
    if (format.activation == ActivationKind::kFloat || !kernels().matmul[&format - kFormats]) continue;
    const bool ternary = format.activation == ActivationKind::kPerRow;
    TinyModelOptions options{.architecture = ternary ? "bitnet-b1.58" : "llama", .matrices = format.id};
    options.shape = {.vocabulary = 160,
                     .context = 512,
                     .width = 256,
                     .ffn_length = 512,
                     .layers = 2,
                     .heads = 4,
                     .kv_heads = 2,
                     .head_dim = 64};
    const auto model = load(options);
    ASSERT_TRUE(model);
    const std::vector<int32_t> tokens = random_tokens(40, 160);
    const std::vector<float> whole = Runner(*model).logits(tokens, 40);
    EXPECT_LE(normalized_error(whole, reference_logits(model->file(), model->config(), tokens)), 2e-3)
        << format.name;
    for (const size_t chunk : {1, 7})
      EXPECT_EQ(Runner(*model, 2).logits(tokens, chunk), whole) << format.name << " in chunks of " << chunk;
    for (const KernelTable* table : available_kernels())
      EXPECT_EQ(Runner(*model, 1, *table).logits(tokens, 40), whole) << format.name << " on " << table->name;
  }
}

TEST(Forward, LongRopeFactorsFollowTheConfiguredContext) {
  const TinyModelOptions options{.architecture = "phi3", .adjust = [](ModelConfig& config) {
                                   config.rope_scaling.original_context = 64;
                                 }};
  const std::vector<int32_t> tokens = random_tokens(20, 160);
  std::vector<float> found[2];
  for (const int64_t context : {64, 65}) {
    const auto model = load(options, context);
    found[context - 64] = Runner(*model).logits(tokens, 20);
    const auto wanted = reference_logits(model->file(), model->config(), tokens, {.context = context});
    EXPECT_LE(normalized_error(found[context - 64], wanted), kFloatError) << context;
  }
  EXPECT_NE(found[0], found[1]);
}

TEST(Forward, ChunksOfAnySizeGiveTheSameBits) {
  for (const Architecture& row : architectures()) {
    const auto model = load({.architecture = row.name});
    const std::vector<int32_t> tokens = random_tokens(150, model->config().vocabulary);
    Runner runner(*model);
    const std::vector<float> whole = runner.logits(tokens, tokens.size());
    for (const size_t chunk : {1, 3, 7, 64, 100})
      EXPECT_EQ(runner.logits(tokens, chunk), whole) << row.name << " in chunks of " << chunk;
  }
}

// What q8_0 costs these models, whose width and heads are tiny: below 1e-3 of the logits' power; docs/performance.md has real ones.
TEST(Forward, KeysAndValuesInEightBitsGiveTheSameBitsEverywhereAndNearlyThoseOfF16) {
  for (const Architecture& row : architectures()) {
    const auto model = load({.architecture = row.name}, 0, KvType::kQ8_0);
    const auto halves = load({.architecture = row.name});
    ASSERT_TRUE(model && halves);
    const std::vector<int32_t> tokens = random_tokens(150, model->config().vocabulary);
    const std::vector<float> whole = Runner(*model).logits(tokens, tokens.size());
    for (const size_t chunk : {1, 7, 64}) EXPECT_EQ(Runner(*model, 2).logits(tokens, chunk), whole) << row.name << " in chunks of " << chunk;
    for (const KernelTable* table : available_kernels())
      EXPECT_EQ(Runner(*model, 3, *table).logits(tokens, 100), whole) << row.name << " on " << table->name;
    const std::vector<float> near = Runner(*halves).logits(tokens, tokens.size());
    const double error = normalized_error(whole, std::vector<double>(near.begin(), near.end()));
    EXPECT_LE(error, 1e-3) << row.name;
    EXPECT_GT(error, 0) << row.name;
  }
}

TEST(Forward, LongContextsCrossAttentionChunksWithTheSameBits) {
  const auto model = load({.architecture = "gemma3"});
  const std::vector<int32_t> tokens = random_tokens(1024, model->config().vocabulary);
  Runner runner(*model);
  const std::vector<float> whole = runner.logits(tokens, 1024);
  EXPECT_EQ(runner.logits(tokens, 301), whole);
  EXPECT_EQ(runner.logits(tokens, 17), whole);
}

TEST(Forward, NeighboursChangeNothing) {
  const auto model = load({.architecture = "qwen3"});
  Runner runner(*model);
  const int64_t vocabulary = model->config().vocabulary;
  std::vector<std::vector<int32_t>> tokens;
  std::vector<std::vector<float>> alone;
  for (size_t i = 0; i < 5; ++i) {
    tokens.push_back(random_tokens(10 + 13 * i, vocabulary, 100 + i));
    alone.push_back(runner.logits(tokens[i], tokens[i].size()));
  }
  std::vector<KvSequence> sequences;
  std::vector<Span> spans;
  for (size_t i = 0; i < 5; ++i) sequences.emplace_back(runner.kv);
  for (size_t i = 0; i < 5; ++i)
    spans.push_back({&sequences[i], 0, tokens[i], i == 2 ? Want::kLastLogits : Want::kAllLogits});
  const std::vector<float> together = runner.forward(spans);
  size_t at = 0;
  for (size_t i = 0; i < 5; ++i) {
    const std::vector<float> wanted =
        i == 2 ? std::vector<float>(alone[i].end() - vocabulary, alone[i].end()) : alone[i];
    EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), together.begin() + int64_t(at))) << i;
    at += wanted.size();
  }
  EXPECT_EQ(at, together.size());
}

TEST(Forward, ThreadsChangeNothing) {
  for (const std::string_view architecture : {"llama", "gemma2", "phi3"}) {
    const auto model = load({.architecture = architecture});
    const std::vector<int32_t> tokens = random_tokens(130, model->config().vocabulary);
    const std::vector<float> one = Runner(*model, 1).logits(tokens, 33);
    for (const int threads : {2, 3, 5}) EXPECT_EQ(Runner(*model, threads).logits(tokens, 33), one) << threads;
  }
}

TEST(Forward, WhatIsWantedIsWhatComes) {
  const auto model = load({.architecture = "granite"});
  Runner runner(*model);
  const int64_t vocabulary = model->config().vocabulary, width = model->config().width;
  const std::vector<int32_t> tokens = random_tokens(9, vocabulary);
  KvSequence all(runner.kv), last(runner.kv), hidden(runner.kv), nothing(runner.kv);
  const std::vector<float> logits = runner.forward({{&all, 0, tokens, Want::kAllLogits}});
  const std::vector<float> mixed = runner.forward({{&nothing, 0, tokens, Want::kNothing},
                                                   {&hidden, 0, tokens, Want::kHidden},
                                                   {&last, 0, tokens, Want::kLastLogits}});
  ASSERT_EQ(mixed.size(), size_t(9 * width + vocabulary));
  EXPECT_TRUE(std::equal(mixed.end() - vocabulary, mixed.end(), logits.end() - vocabulary));
  // The hidden state is what the head multiplies: each value normed, so its mean square over the norm's
  // weights is one.
  for (int64_t t = 0; t < 9; ++t) {
    double square = 0;
    for (int64_t i = 0; i < width; ++i) {
      const double x = double(mixed[size_t(t * width + i)] / model->weights().output_norm[size_t(i)]);
      square += x * x / double(width);
    }
    EXPECT_NEAR(square, 1, 1e-3);
  }
  EXPECT_TRUE(runner.forward({{&nothing, 9, std::span(tokens).first(1), Want::kNothing}}).empty());
  // A sequence filled without outputs goes on as one filled with them.
  const std::vector<int32_t> next = {3};
  all.truncate(9);
  EXPECT_EQ(runner.forward({{&last, 9, next}}), runner.forward({{&all, 9, next}}));
}

TEST(Forward, TruncatedSequencesGoOnAsIfNothingHadBeen) {
  const auto model = load({.architecture = "llama"});
  Runner runner(*model);
  const std::vector<int32_t> tokens = random_tokens(80, model->config().vocabulary);
  const std::vector<int32_t> other = random_tokens(30, model->config().vocabulary, 99);
  KvSequence sequence(runner.kv);
  const std::vector<float> straight = runner.forward({{&sequence, 0, tokens}});
  sequence.truncate(61);
  runner.forward({{&sequence, 61, other}});
  sequence.truncate(61);
  EXPECT_EQ(runner.forward({{&sequence, 61, std::span(tokens).subspan(61)}}), straight);
}

class Recorder : public ActivationObserver {
 public:
  void observe(int layer, ActivationRole role, const float* x, int64_t length, int64_t stride,
               int columns) override {
    EXPECT_GE(stride, length);
    EXPECT_TRUE(std::all_of(x, x + length, [](float value) { return std::isfinite(value); }));
    seen.push_back({layer, role, length, columns});
  }
  struct Call {
    int layer;
    ActivationRole role;
    int64_t length;
    int columns;
  };
  std::vector<Call> seen;
};

TEST(Forward, ObserversSeeEveryColumnOfEveryProductAndChangeNothing) {
  const auto model = load({.architecture = "bitnet-b1.58"});
  Runner runner(*model);
  const std::vector<int32_t> tokens = random_tokens(11, model->config().vocabulary);
  KvSequence first(runner.kv), second(runner.kv);
  Recorder recorder;
  EXPECT_EQ(runner.forward({{&first, 0, tokens}}, &recorder), runner.forward({{&second, 0, tokens}}));
  ASSERT_EQ(recorder.seen.size(), 4u * 4 + 1);
  for (size_t i = 0; i + 1 < recorder.seen.size(); ++i) {
    EXPECT_EQ(recorder.seen[i].layer, int(i / 4));
    EXPECT_EQ(recorder.seen[i].role, ActivationRole(i % 4));
    EXPECT_EQ(recorder.seen[i].columns, 11);
    EXPECT_EQ(recorder.seen[i].length, i % 4 == 3 ? 96 : 64);
  }
  EXPECT_EQ(recorder.seen.back().role, ActivationRole::kOutput);
  EXPECT_EQ(recorder.seen.back().columns, 1);
}

TEST(Forward, BadRequestsAreErrorsAndLeaveSequencesAlone) {
  const auto model = load({}, 100);
  Runner runner(*model);
  KvSequence sequence(runner.kv), other(runner.kv);
  const std::vector<int32_t> good = {1, 2, 3}, negative = {1, -1}, large = {1, 160}, none;
  const std::vector<int32_t> many = random_tokens(101, 160);
  std::vector<float> out(160), too_small(159);
  const auto expect = [&](std::vector<Span> spans, std::span<float> outputs, ErrorKind kind,
                          std::string_view mention) {
    const Status status = model->forward(runner.workspace, spans, outputs);
    ASSERT_FALSE(status.has_value()) << mention;
    EXPECT_EQ(status.error().kind, kind) << status.error().message;
    EXPECT_NE(status.error().message.find(mention), std::string::npos) << status.error().message;
    EXPECT_EQ(sequence.length(), 0);
    EXPECT_EQ(sequence.pages(), 0u);
  };
  expect({{&sequence, 0, negative}}, out, ErrorKind::kInvalidArgument, "-1");
  expect({{&sequence, 0, large}}, out, ErrorKind::kInvalidArgument, "160");
  expect({{&sequence, 0, none}}, out, ErrorKind::kInvalidArgument, "no tokens");
  expect({{&sequence, 1, good}}, out, ErrorKind::kInvalidArgument, "position 1");
  expect({{&sequence, 0, many}}, out, ErrorKind::kLimit, "context of 100");
  expect({{&sequence, 0, good}}, too_small, ErrorKind::kInvalidArgument, "159");
  expect({{&sequence, 0, good, Want::kNothing}, {&sequence, 0, good}}, out, ErrorKind::kInvalidArgument,
         "same sequence");
  KvPool one_page(model->kv_layout(), model->kv_layout().page_bytes);
  KvSequence cramped(one_page);
  expect({{&sequence, 0, good, Want::kNothing}, {&cramped, 0, std::span(many).first(90)}}, out,
         ErrorKind::kLimit, "KV cache");
  const auto wider =
      load({.architecture = "llama", .adjust = [](ModelConfig& config) { config.layers.pop_back(); }});
  KvPool foreign_pool(wider->kv_layout(), 1 << 24);
  KvSequence foreign(foreign_pool);
  expect({{&foreign, 0, good}}, out, ErrorKind::kInvalidArgument, "another model");
}

TEST(Forward, WeightsThatAreNotNumbersAreReported) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto model = load({.adjust_values = [&](const TensorSpec& spec, std::vector<float>& values) {
      if (spec.name == "blk.2.ffn_up.weight") values[5] = value;
    }});
    Runner runner(*model);
    KvSequence sequence(runner.kv);
    const std::vector<int32_t> tokens = {1, 2, 3};
    std::vector<float> out(160);
    const Span span{&sequence, 0, tokens};
    const Status status = model->forward(runner.workspace, {&span, 1}, out);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().kind, ErrorKind::kBadFile);
    EXPECT_EQ(sequence.length(), 0);
  }
}

TEST(Forward, SteadyDecodingAllocatesNothing) {
  const auto model = load({.architecture = "gemma3"});
  Runner runner(*model, 2);
  KvSequence sequence(runner.kv);
  const std::vector<int32_t> prompt = random_tokens(65, 160), next = {7};
  std::vector<float> out(160);
  runner.forward({{&sequence, 0, prompt}});
  const auto step = [&] {
    const Span span{&sequence, sequence.length(), next};
    return model->forward(runner.workspace, {&span, 1}, out).has_value();
  };
  ASSERT_TRUE(step());
  const size_t before = allocations();
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(step());  // within one page
  EXPECT_EQ(allocations(), before);
}

TEST(ModelLoad, ContextsBeyondTheModelsAreRefused) {
  const auto file = make_tiny_model({});
  EXPECT_EQ((*Model::load(file))->context(), 1024);
  EXPECT_EQ((*Model::load(file, {.context = 17}))->context(), 17);
  for (const int64_t context : {-1, 1025}) {
    const auto model = Model::load(file, {.context = context});
    ASSERT_FALSE(model.has_value());
    EXPECT_EQ(model.error().kind, ErrorKind::kInvalidArgument);
  }
}

}  // namespace
}  // namespace nibble
