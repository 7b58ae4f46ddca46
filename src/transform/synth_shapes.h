// Named shapes of synthetic models: every architecture nibble runs at a size for tests (rows of 256 and 512,
// so that all formats apply), and real sizes for speed.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nibble {

enum class SynthKeyKind : uint8_t { kUint, kFloat, kBool, kText };
struct SynthKey {
  const char* suffix;  // the key is "<architecture>.<suffix>"
  SynthKeyKind kind;
  double number;
  const char* text = "";
};

struct SynthShape {
  const char* name;
  const char* architecture;
  uint32_t width = 256;
  uint32_t ffn = 512;
  uint32_t layers = 4;
  uint32_t heads = 4;
  uint32_t kv_heads = 2;
  uint32_t head_dim = 64;
  uint32_t vocabulary = 512;
  uint32_t context = 2048;
  uint32_t experts = 0;  // ffn is then each expert's
  uint32_t experts_used = 0;
  float embedding_deviation = 1;  // times 1 / sqrt(width)
  float output_gain = 1;          // for architectures that divide their logits
  bool tied = false;              // token_embd is the head
  bool fused_qkv = false;
  bool fused_gate_up = false;  // ffn_up holds gate, then up
  bool qkv_bias = false;
  bool all_bias = false;  // attn_output, router and experts too
  bool qk_norm = false;
  bool post_norms = false;  // after attention and feed-forward
  bool sub_norms = false;   // BitNet: before attn_output and ffn_down
  bool sinks = false;
  bool ternary = false;  // linear weights are -s, 0 and s
  bool encoder = false;  // BERT: LayerNorm after, no causal mask, WordPiece
  bool learned_positions = false;
  bool gated_ffn = true;
  bool rope_freqs = false;       // Llama 3 frequency factors
  bool rope_long_short = false;  // Phi 3 factors
  bool post_norm_before_ffn =
      false;  // gpt-oss: the norm before the feed-forward is named post_attention_norm
  std::span<const SynthKey> keys = {};
};

enum class SynthFill : uint8_t { kNormal, kTernary, kFrequencyFactors };
struct SynthTensor {
  std::string name;
  std::vector<uint64_t> dims;
  SynthFill fill = SynthFill::kNormal;
  float mean = 0;
  float deviation = 1;      // or the scale of ternary values, or the largest factor
  bool input_norm = false;  // its channels are the inputs of linear layers: outliers go here
};

std::span<const SynthShape> synth_shapes();
Result<const SynthShape*> find_synth_shape(std::string_view name);

// The tensors in file order. `outliers`: 0.5 % of the residual channels (at least one) enter the linear
// layers 50 times larger; deviations shrink so that sums keep their size.
std::vector<SynthTensor> synth_tensors(const SynthShape& shape, bool outliers);
uint32_t synth_outlier_channels(const SynthShape& shape);
inline constexpr float kSynthOutlierGain = 50;

}  // namespace nibble
