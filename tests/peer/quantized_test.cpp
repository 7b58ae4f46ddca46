// Quantized files: what nibble loses by quantizing activations stays at or below what the peer loses,
// measured against the same weights multiplied with F32 activations; and the most probable token is the same
// wherever it is not a near tie.
#include <cmath>
#include <random>

#include "nibble_model.h"
#include "peer_fixture.h"
#include "transform/synth.h"

namespace nibble::peer {
namespace {

constexpr ContextOptions kExact = {.threads = 1, .kv = "f32", .flash = "off"};
constexpr int kTokens = 32;
constexpr uint64_t kModels = 6;

struct Logits {
  std::vector<float> ours, theirs, truth;
  size_t vocabulary = 0;
};

std::vector<Token> random_ids(int count, int vocabulary) {
  std::mt19937 random(20260103);
  std::vector<Token> ids = {1};
  while (static_cast<int>(ids.size()) < count)
    ids.push_back(static_cast<Token>(3 + random() % static_cast<unsigned>(vocabulary - 3)));
  return ids;
}

Result<std::vector<float>> peer_logits(const PeerApi& api, const std::string& path,
                                       const std::vector<Token>& ids) {
  NIBBLE_TRY(const Model model, Model::load(api, {.path = path, .repack = false}));
  return logits_of(model, kExact, ids);
}

// Quantizes `source` with the peer; the truth is the peer's run of that file decoded to F32.
Result<Logits> all_logits(const PeerApi& api, const std::string& source, const std::string& name,
                          const std::string& type) {
  const TempFile quantized_file(name + "-q.gguf"), decoded_file(name + "-f32.gguf");
  const std::string &quantized = quantized_file.path, &decoded = decoded_file.path;
  NIBBLE_CHECK_OK(quantize_model(api, source, quantized, type, 1, false, false));
  NIBBLE_CHECK_OK(quantize_model(api, quantized, decoded, "F32", 1, false, true));
  NIBBLE_TRY(auto model, NibbleModel::open(quantized, 256));
  const std::vector<Token> ids = random_ids(kTokens, model->vocabulary());
  Logits logits;
  logits.vocabulary = static_cast<size_t>(model->vocabulary());
  NIBBLE_TRY(logits.ours, model->logits(ids));
  NIBBLE_TRY(logits.theirs, peer_logits(api, quantized, ids));
  NIBBLE_TRY(logits.truth, peer_logits(api, decoded, ids));
  return logits;
}

struct Case {
  std::string shape, type;
  bool outliers = false;
};

class Quantized : public testing::TestWithParam<Case> {};

// Positions where the truth's best two logits are farther apart than `noise`, and `found` still prefers
// another token.
int wrong_choices(const Logits& logits, const std::vector<float>& found, double noise) {
  int wrong = 0;
  for (size_t at = 0; at < found.size(); at += logits.vocabulary) {
    const auto row = [&](const std::vector<float>& all) {
      return std::span(all).subspan(at, logits.vocabulary);
    };
    const auto best = [](std::span<const float> v) { return std::ranges::max_element(v) - v.begin(); };
    const auto wanted = best(row(logits.truth)), choice = best(row(found));
    const double margin =
        double(row(logits.truth)[size_t(wanted)]) - double(row(logits.truth)[size_t(choice)]);
    wrong += margin > noise;
  }
  return wrong;
}

// The largest root mean square of the peer's error at one position: outliers make some positions far worse.
double largest_error(const Logits& logits) {
  double largest = 0;
  for (size_t at = 0; at < logits.truth.size(); at += logits.vocabulary) {
    double square = 0;
    for (size_t i = at; i < at + logits.vocabulary; ++i) {
      const double difference = double(logits.theirs[i]) - double(logits.truth[i]);
      square += difference * difference / double(logits.vocabulary);
    }
    largest = std::max(largest, std::sqrt(square));
  }
  return largest;
}

TEST_P(Quantized, LosesNoMoreThanThePeer) {
  PEER_OR_SKIP(api);
  const auto& [shape, type, outliers] = GetParam();
  const std::string name = "quantized-" + shape + (outliers ? "-outliers-" : "-") + type;
  // Means of logarithms over models: which roundings flip in one model is a matter of luck.
  double ours = 0, theirs = 0;
  for (uint64_t seed = 1; seed <= kModels; ++seed) {
    const TempFile file(name + ".gguf");
    ThreadPool pool(1);
    const auto report = write_synthetic_model(
        {.shape = shape, .format = "F32", .seed = seed, .outliers = outliers}, file.path, pool);
    ASSERT_TRUE(report) << report.error().message;
    const auto logits = all_logits(api, file.path, name, type);
    ASSERT_TRUE(logits) << logits.error().message;
    ours += std::log(nmse(logits->ours, logits->truth)) / kModels;
    theirs += std::log(nmse(logits->theirs, logits->truth)) / kModels;
    const double noise = 6 * largest_error(*logits) + 1e-3;
    EXPECT_EQ(wrong_choices(*logits, logits->ours, noise), 0) << "margin above " << noise;
  }
  ours = std::exp(ours), theirs = std::exp(theirs);
  std::printf("%-12s %-7s %-9s NMSE against F32 activations: ours %.3e, theirs %.3e, ratio %.3f\n",
              shape.c_str(), type.c_str(), outliers ? "outliers" : "", ours, theirs, ours / theirs);
  // 1e-6: keys and values in F16, which the peer ran in F32.
  EXPECT_LE(ours, 1.1 * theirs + 1e-6);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* type :
       {"Q4_0", "Q8_0", "Q2_K", "Q3_K_M", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q6_K", "IQ4_XS", "TQ2_0"})
    all.push_back({"llama-tiny", type});
  for (const char* type : {"Q4_0", "Q8_0", "Q4_K_M", "Q6_K", "IQ4_XS", "TQ2_0"})
    all.push_back({"llama-tiny", type, true});
  for (const char* shape : {"qwen2-tiny", "gemma2-tiny", "phi3-tiny", "bitnet-old-tiny"})
    for (const char* type : {"Q8_0", "Q4_K_M"}) all.push_back({shape, type});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Files, Quantized, testing::ValuesIn(cases()), [](const auto& test) {
  std::string name = test.param.shape + "_" + test.param.type + (test.param.outliers ? "_outliers" : "");
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace nibble::peer
