// Small random models of any architecture, as files: what the loader reads is what synth and the peer's tools
// write.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "model/model_config.h"
#include "model/weights.h"

namespace nibble {

struct TinyModelOptions {
  std::string_view architecture = "llama";
  ModelShape shape = {.vocabulary = 160,
                      .context = 1024,
                      .width = 64,
                      .ffn_length = 96,
                      .layers = 4,
                      .heads = 4,
                      .kv_heads = 2,
                      .head_dim = 16,
                      .window = 24};
  uint64_t seed = 1;
  FormatId matrices =
      FormatId::kF32;  // of all matrices and the embedding (F16 when the format cannot look up rows)
  bool optional_tensors = false;  // also what files may leave out: biases, an untied head, rope factors
  std::function<void(ModelConfig&)> adjust = {};  // before anything is written
  std::function<void(std::vector<TensorSpec>&)> adjust_tensors = {};
  std::function<void(GgufWriter&)> adjust_keys = {};  // after the config's keys
  std::function<void(const TensorSpec&, std::vector<float>&)> adjust_values = {};
};

// Fails the running test when it cannot be written or read.
void write_tiny_model(const std::string& path, const TinyModelOptions& options);
std::shared_ptr<const GgufFile> make_tiny_model(const TinyModelOptions& options);

// Token ids in [0, vocabulary), the same for the same seed.
std::vector<int32_t> random_tokens(size_t count, int64_t vocabulary, uint64_t seed = 7);

}  // namespace nibble
