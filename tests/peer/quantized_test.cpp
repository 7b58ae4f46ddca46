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
constexpr int kTokens = 96;

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

// Positions where both of `truth`'s best logits are farther apart than `noise`, and `found` still prefers
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

TEST_P(Quantized, LosesNoMoreThanThePeer) {
  PEER_OR_SKIP(api);
  const auto& [shape, type, outliers] = GetParam();
  const std::string name = "quantized-" + shape + (outliers ? "-outliers-" : "-") + type;
  const TempFile file(name + ".gguf");
  const std::string& source = file.path;
  ThreadPool pool(1);
  const auto report =
      write_synthetic_model({.shape = shape, .format = "F32", .outliers = outliers}, source, pool);
  ASSERT_TRUE(report) << report.error().message;
  const auto logits = all_logits(api, source, name, type);
  ASSERT_TRUE(logits) << logits.error().message;
  const double ours = nmse(logits->ours, logits->truth), theirs = nmse(logits->theirs, logits->truth);
  std::printf("%-12s %-7s %-9s NMSE against F32 activations: ours %.3e, theirs %.3e\n", shape.c_str(),
              type.c_str(), outliers ? "outliers" : "", ours, theirs);
  // 1e-6: keys and values in F16, which the peer ran in F32.
  EXPECT_LE(ours, 1.1 * theirs + 1e-6);
  double power = 0;
  for (const float x : logits->truth) power += double(x) * double(x);
  const double noise = 6 * std::sqrt(theirs * power / double(logits->truth.size())) + 1e-3;
  EXPECT_EQ(wrong_choices(*logits, logits->ours, noise), 0) << "margin above " << noise;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* type :
       {"Q4_0", "Q8_0", "Q2_K", "Q3_K_M", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q6_K", "IQ4_XS", "TQ2_0"})
    all.push_back({"llama-tiny", type});
  for (const char* type : {"Q4_0", "Q8_0", "Q4_K_M", "Q6_K"}) all.push_back({"llama-tiny", type, true});
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
