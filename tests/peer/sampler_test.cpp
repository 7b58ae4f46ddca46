// The sampler keeps the candidates that the peer's chain keeps, with the peer's probabilities: penalties,
// top-k, typical, top-p, min-p, temperature, in that order.
#include <dlfcn.h>

#include <map>
#include <random>

#include "engine/sampler.h"
#include "peer_fixture.h"

namespace nibble::peer {
namespace {

struct Candidate {
  Token id;
  float logit, p;
};
struct CandidateArray {
  Candidate* data;
  size_t size;
  int64_t selected;
  bool sorted;
};
struct ChainParams {
  bool no_perf;
};
struct Chain;

// llama.cpp's samplers, from the library that is already open.
struct PeerSamplers {
  Chain* (*chain)(ChainParams);
  void (*add)(Chain*, Chain*);
  void (*free)(Chain*);
  void (*apply)(Chain*, CandidateArray*);
  void (*accept)(Chain*, Token);
  Chain* (*penalties)(int32_t vocabulary, int32_t window, float repeat, float frequency, float presence);
  Chain* (*top_k)(int32_t);
  Chain* (*typical)(float, size_t);
  Chain* (*top_p)(float, size_t);
  Chain* (*min_p)(float, size_t);
  Chain* (*temperature)(float);
  Chain* (*draw)(uint32_t seed);
};

template <class Function>
void bind(void* library, Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  ASSERT_NE(function, nullptr) << name;
}

void open_samplers(const PeerApi& api, PeerSamplers& s) {
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(api.decode), &info), 0);
  void* library = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(library, nullptr);
  bind(library, s.chain, "llama_sampler_chain_init");
  bind(library, s.add, "llama_sampler_chain_add");
  bind(library, s.free, "llama_sampler_free");
  bind(library, s.apply, "llama_sampler_apply");
  bind(library, s.accept, "llama_sampler_accept");
  bind(library, s.penalties, "llama_sampler_init_penalties");
  bind(library, s.top_k, "llama_sampler_init_top_k");
  bind(library, s.typical, "llama_sampler_init_typical");
  bind(library, s.top_p, "llama_sampler_init_top_p");
  bind(library, s.min_p, "llama_sampler_init_min_p");
  bind(library, s.temperature, "llama_sampler_init_temp");
  bind(library, s.draw, "llama_sampler_init_dist");
}

// Probabilities of the candidates that the peer's chain leaves, by id.
std::map<Token, double> peer_probabilities(const PeerSamplers& s, const SamplingOptions& o,
                                           const std::vector<Token>& past, const std::vector<float>& logits) {
  Chain* chain = s.chain({true});
  s.add(chain, s.penalties(int32_t(logits.size()), int32_t(o.penalty_window), o.repetition_penalty,
                           o.frequency_penalty, o.presence_penalty));
  s.add(chain, s.top_k(int32_t(o.top_k)));
  s.add(chain, s.typical(o.typical_p, 1));
  s.add(chain, s.top_p(o.top_p, 1));
  s.add(chain, s.min_p(o.min_p, 1));
  s.add(chain, s.temperature(o.temperature));
  s.add(chain, s.draw(1));
  for (const Token token : past) s.accept(chain, token);
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < logits.size(); ++i) candidates.push_back({Token(i), logits[i], 0});
  CandidateArray array{candidates.data(), candidates.size(), -1, false};
  s.apply(chain, &array);
  std::map<Token, double> result;
  for (size_t i = 0; i < array.size; ++i)
    if (array.data[i].p > 0) result[array.data[i].id] = double(array.data[i].p);
  s.free(chain);
  return result;
}

SamplingOptions filters(int64_t top_k, float typical_p, float top_p, float min_p, float temperature) {
  SamplingOptions options;
  options.top_k = top_k;
  options.typical_p = typical_p;
  options.top_p = top_p;
  options.min_p = min_p;
  options.temperature = temperature;
  return options;
}
SamplingOptions penalties(int64_t window, float repetition, float presence, float frequency,
                          SamplingOptions options) {
  options.penalty_window = window;
  options.repetition_penalty = repetition;
  options.presence_penalty = presence;
  options.frequency_penalty = frequency;
  return options;
}

std::vector<SamplingOptions> cases() {
  return {{},
          filters(0, 1, 0.7f, 0, 1),
          filters(0, 1, 1, 0.2f, 1),
          filters(7, 1, 1, 0, 2),
          filters(0, 0.6f, 1, 0, 1),
          filters(30, 0.9f, 0.9f, 0.02f, 0.6f),
          penalties(32, 1.3f, 0, 0, {}),
          penalties(8, 0.8f, 0.9f, 0.4f, {}),
          penalties(32, 1, -0.7f, 0.9f, filters(0, 1, 0.99f, 0, 1))};
}

TEST(SamplerAgainstPeer, KeepsAndWeighsTheSameCandidates) {
  PEER_OR_SKIP(api);
  PeerSamplers samplers{};
  ASSERT_NO_FATAL_FAILURE(open_samplers(api, samplers));
  constexpr int kVocabulary = 200, kDraws = 20000;
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 2);
  for (size_t index = 0; index < cases().size(); ++index) {
    SamplingOptions options = cases()[index];
    options.seed = 11 + index;
    SCOPED_TRACE(index);
    std::vector<float> logits(kVocabulary);
    for (float& logit : logits) logit = normal(random);
    std::vector<Token> past(40);
    for (Token& token : past) token = Token(random() % 60);
    const std::map<Token, double> wanted = peer_probabilities(samplers, options, past, logits);
    auto sampler = Sampler::create(options, kVocabulary);
    ASSERT_TRUE(sampler) << sampler.error().message;
    for (const Token token : past) sampler->accept(token);
    std::map<Token, int> drawn;
    for (int i = 0; i < kDraws; ++i) {
      std::vector<float> copy = logits;
      const auto token = sampler->sample(copy);
      ASSERT_TRUE(token) << token.error().message;
      ++drawn[*token];
    }
    for (const auto& [token, count] : drawn)
      EXPECT_TRUE(wanted.contains(token)) << "token " << token << " " << count;
    for (const auto& [token, p] : wanted) {
      const double expected = p * kDraws, deviation = std::sqrt(expected * (1 - p)) + 1;
      EXPECT_NEAR(drawn[token], expected, 5 * deviation) << "token " << token << " of probability " << p;
    }
  }
}

}  // namespace
}  // namespace nibble::peer
