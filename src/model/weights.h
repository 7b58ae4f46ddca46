// A model's tensors by name, checked against its config. The only place that knows tensor names.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "formats/tensor_view.h"
#include "kernels/kernels.h"
#include "model/model_config.h"

namespace nibble {

// y = scale * (W x) + bias. The seam for what may join a weight later: an adapter (LoRA), a shard of the
// rows.
struct Linear {
  TensorView view;          // rows() outputs, row_length() inputs; empty bytes: not part of this model
  std::vector<float> bias;  // (rows) or empty
  float scale = 1;
  bool present() const { return !view.bytes.empty(); }
};

struct LayerWeights {
  std::vector<float> attn_norm, attn_q_norm, attn_k_norm, attn_sub_norm, attn_post_norm;  // empty: none
  std::vector<float> ffn_norm, ffn_sub_norm, ffn_post_norm;
  Linear attn_q, attn_k, attn_v, attn_output;  // a fused tensor is three views of its rows
  Linear ffn_gate, ffn_up, ffn_down;
};

struct ModelWeights {
  TensorView token_embedding;  // (vocabulary, width)
  std::vector<float> output_norm;
  Linear output;  // views token_embedding when tied
  bool tied = false;
  std::vector<float> rope_factors;                           // frequencies are divided by these; empty: ones
  std::vector<float> rope_factors_long, rope_factors_short;  // by configured context
  std::vector<LayerWeights> layers;
};

enum class TensorKind : uint8_t { kEmbedding, kMatrix, kNorm, kBias, kScale, kRopeFactors };
enum class Presence : uint8_t {
  kRequired,  // an error when a file lacks it
  kUsual,     // files of this architecture have it; synth writes it
  kOptional,  // used when a file has it
};
struct TensorSpec {
  std::string name;
  std::vector<uint64_t> dims;  // dims[0] is the row length
  TensorKind kind;
  Presence presence;
};
// Every tensor that a model of this config reads, in file order: one place for the loader's checks, synth and
// tests.
std::vector<TensorSpec> expected_tensors(const ModelConfig& config);
// Names of a file's tensors that the model does not read (for `inspect`).
std::vector<std::string> unused_tensors(const GgufFile& file, const ModelConfig& config);

// Views of the file's tensors; norms and biases are copied as floats. Every shape is checked against the
// config, every format against the kernels. The file must outlive the weights.
Result<ModelWeights> load_weights(const GgufFile& file, const ModelConfig& config,
                                  const KernelTable& kernels);

// Where in a layer activations are read; the last is after all layers.
enum class ActivationRole : uint8_t { kAttentionInput, kAttentionOutput, kFfnInput, kFfnDown, kOutput };
// The names of the tensors that multiply the activations of a role (importance matrices are kept by tensor
// name).
std::vector<std::string> tensors_reading(const ModelConfig& config, int layer, ActivationRole role);

}  // namespace nibble
