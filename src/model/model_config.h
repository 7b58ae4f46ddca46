// A model's hyperparameters, read from the keys of a GGUF file and checked: every number here is safe to
// allocate and to index by. config_keys.h names the keys.
#pragma once
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "model/architecture.h"

namespace nibble {

struct RopeScaling {
  enum class Kind : uint8_t { kNone, kLinear, kYarn, kLong } kind = Kind::kLinear;
  double factor = 1;             // positions are divided by it (YaRN: those of slow dimensions)
  int64_t original_context = 0;  // what the model was trained with before scaling
  double attn_factor = 1;        // cos and sin are multiplied by it
  // YaRN (arXiv:2309.00071).
  double beta_fast = 32, beta_slow = 1;  // rotations within the original context that bound the ramp
  double extrapolation = 1;              // weight of the ramp; 0 turns it off
  double log_multiplier = 0;             // DeepSeek's mscale_all_dim; 0: not used
  bool operator==(const RopeScaling&) const = default;
};

struct LayerConfig {
  int heads = 0, kv_heads = 0;
  int64_t ffn_length = 0;
  int64_t window = 0;  // a query sees this many positions, its own included; 0: all
  bool rope = true;
  bool local_rope = false;  // uses local_rope_base
  bool operator==(const LayerConfig&) const = default;
};

struct ModelConfig {
  const Architecture* architecture = nullptr;
  int64_t vocabulary = 0;
  int64_t context = 0;  // positions the model was made for
  int64_t width = 0;    // values of the residual stream (embedding_length)
  int head_dim = 0;
  int rotated_dim = 0;  // the first values of a head that RoPE turns
  float norm_epsilon = 1e-5f;
  std::vector<LayerConfig> layers;

  double rope_base = 10000;
  double local_rope_base = 0;  // 0: windowed layers rotate as the others
  RopeScaling rope_scaling;

  float attention_scale = 0;  // of q . k
  float attention_softcap = 0;
  float logit_softcap = 0;
  float embedding_scale = 1;
  float residual_scale = 1;  // of a sub-block's output
  float logit_scale = 1;     // logits are divided by it

  bool operator==(const ModelConfig&) const = default;
};

// Bounds that hold for every ModelConfig; beyond them a file is refused.
inline constexpr int64_t kMaxLayers = 1024, kMaxHeads = 1024, kMaxWidth = 1 << 17, kMaxFfnLength = 1 << 20;
inline constexpr int64_t kMaxVocabulary = 1 << 24, kMaxContext = 1 << 26;

// Errors name the key, the value found and the value wanted.
Result<ModelConfig> read_model_config(const GgufFile& file);
// Checks a config whatever made it (read_model_config ends with it; synth and convert use it alone).
Status check_model_config(const ModelConfig& config);
// The inverse of read_model_config: general.architecture and the hyperparameter keys.
void write_model_config(const ModelConfig& config, GgufWriter& writer);
// A config of this architecture with equal layers, everything the row says filled in; the caller adjusts
// before writing.
struct ModelShape {
  int64_t vocabulary = 0, context = 0, width = 0, ffn_length = 0;
  int layers = 0, heads = 0, kv_heads = 0, head_dim = 0;
  int64_t window = 0;  // for architectures that have one; 0: the row's default
};
ModelConfig make_model_config(const Architecture& architecture, const ModelShape& shape);

}  // namespace nibble
