// nibble's logits against the peer's, on tiny models of every architecture with F32 weights.
#include <algorithm>
#include <cmath>

#include "model/model.h"
#include "peer_fixture.h"
#include "support/reference_forward.h"
#include "support/tiny_model.h"

namespace nibble::peer {
namespace {

constexpr int kTokens = 150;
// Float against double, and where halves of GELU's table fall on the other side; a wrong factor anywhere
// gives 1e-4 and more.
constexpr double kExact = 1e-9, kExactButForGelu = 1e-6;

struct Case {
  const char* name;
  int context = 256;  // configured in both; the peer rounds up to multiples of 256
};

// Everything both programs know of one model.
struct Pair {
  Pair(const PeerApi& api, const Case& test) : Pair(api, tiny_model(test.name), test.context) {}
  Pair(const PeerApi& api, const std::string& path, int configured) : context(configured) {
    auto opened = Model::load(api, {.path = path, .repack = false});
    EXPECT_TRUE(opened) << opened.error().message;
    theirs = *std::move(opened);
    auto file = GgufFile::open(path);
    EXPECT_TRUE(file) << file.error().message;
    auto loaded =
        nibble::Model::load(std::make_shared<const GgufFile>(*std::move(file)), {.context = context});
    EXPECT_TRUE(loaded) << loaded.error().message;
    ours = *std::move(loaded);
    ids = random_tokens(kTokens, ours->config().vocabulary, 20);
    kv.emplace(ours->kv_layout(), uint64_t{1} << 28);
  }

  std::vector<float> peer_logits(const char* cache) const {
    const auto logits =
        logits_of(theirs, {.threads = 1, .context = context, .kv = cache, .flash = "off"}, ids);
    EXPECT_TRUE(logits) << logits.error().message;
    return *logits;
  }
  std::vector<float> run(KvSequence& sequence, std::span<const int32_t> tokens, Span::Want want) {
    const Span span{&sequence, sequence.length(), tokens, want};
    std::vector<float> out(size_t(ours->output_floats(span)));
    const Status status = ours->forward(workspace, {&span, 1}, out);
    EXPECT_TRUE(status) << status.error().message;
    return out;
  }

  int context;
  Model theirs;
  std::unique_ptr<nibble::Model> ours;
  std::vector<int32_t> ids;
  ThreadPool pool{2};
  Driver driver{kernels(), pool};
  Workspace workspace{driver};
  std::optional<KvPool> kv;
};

double error_between(std::span<const float> found, std::span<const float> wanted) {
  return normalized_error(found, std::vector<double>(wanted.begin(), wanted.end()));
}

class PeerLogits : public testing::TestWithParam<Case> {};

// Architecture for architecture, the peer computes what the double-precision reference computes: no rounding
// hides a missing factor. Then nibble's distance from both is rounding alone, most of it that of keys and
// values to f16: at most 1e-6, or where a model amplifies (46 random layers, scores in the hundreds), what
// the same rounding costs the peer.
TEST_P(PeerLogits, AreEqualUpToRounding) {
  PEER_OR_SKIP(api);
  NEED_FILE(tiny_model(GetParam().name));
  Pair pair(api, GetParam());
  const std::vector<float> exact = pair.peer_logits("f32"), rounded = pair.peer_logits("f16");
  const std::vector<double> reference =
      reference_logits(pair.ours->file(), pair.ours->config(), pair.ids,
                       {.context = pair.context, .round_kv = false, .half_gelu = true});
  const bool gelu = pair.ours->config().architecture->activation == Activation::kGelu;
  EXPECT_LE(normalized_error(exact, reference), gelu ? kExactButForGelu : kExact);
  KvSequence sequence(*pair.kv);
  const std::vector<float> ours = pair.run(sequence, pair.ids, Span::Want::kAllLogits);
  const double peer_rounding = error_between(rounded, exact);
  const double error = error_between(ours, exact);
  EXPECT_LE(error, std::max(1e-6, peer_rounding));
  std::printf("%-32s NMSE to the peer %.2g, of the peer with f16 keys and values %.2g\n", GetParam().name,
              error, peer_rounding);
}

TEST_P(PeerLogits, ChooseTheSameTokensGreedily) {
  PEER_OR_SKIP(api);
  NEED_FILE(tiny_model(GetParam().name));
  Pair pair(api, GetParam());
  const auto wanted = greedy_ids(
      pair.theirs, {.threads = 1, .context = pair.context, .kv = "f32", .flash = "off"}, pair.ids, 64, true);
  ASSERT_TRUE(wanted) << wanted.error().message;
  KvSequence sequence(*pair.kv);
  std::vector<int32_t> found;
  std::vector<float> logits = pair.run(sequence, pair.ids, Span::Want::kLastLogits);
  while (found.size() < 64) {
    found.push_back(int32_t(std::ranges::max_element(logits) - logits.begin()));
    logits = pair.run(sequence, std::span(found).last(1), Span::Want::kLastLogits);
  }
  EXPECT_EQ(found, *wanted);
}

INSTANTIATE_TEST_SUITE_P(Architectures, PeerLogits,
                         testing::Values(Case{"llama"}, Case{"llama-biases-tied-rope-factors"},
                                         Case{"llama-wide-heads"}, Case{"llama-rope-linear"},
                                         Case{"llama-rope-yarn"}, Case{"llama-no-gqa"}, Case{"qwen2"},
                                         Case{"qwen3"}, Case{"gemma2"}, Case{"gemma2-27b-depth"},
                                         Case{"gemma3"}, Case{"gemma3-27b-depth"}, Case{"phi3"},
                                         Case{"phi3-long"}, Case{"phi3-long", 512}, Case{"phi3-partial-rope"},
                                         Case{"granite"}, Case{"smollm3"}, Case{"bitnet"}),
                         [](const auto& test) {
                           std::string name = concat(test.param.name, "_", test.param.context);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace nibble::peer
