#include "transform/synth_shapes.h"

#include <algorithm>
#include <cmath>

namespace nibble {
namespace {

using K = SynthKeyKind;

// clang-format off
constexpr SynthKey kLlama[] = {{"rope.freq_base", K::kFloat, 10000}};
constexpr SynthKey kLlama3[] = {{"rope.freq_base", K::kFloat, 500000}};
constexpr SynthKey kQwen[] = {{"rope.freq_base", K::kFloat, 1000000}};
constexpr SynthKey kGemma2[] = {{"attention.sliding_window", K::kUint, 32}, {"attn_logit_softcapping", K::kFloat, 50},
                                {"final_logit_softcapping", K::kFloat, 30}};
constexpr SynthKey kGemma3[] = {{"attention.sliding_window", K::kUint, 32}, {"rope.freq_base", K::kFloat, 1000000}};
constexpr SynthKey kPhi3[] = {{"rope.freq_base", K::kFloat, 10000}, {"rope.scaling.original_context_length", K::kUint, 256},
                              {"rope.scaling.attn_factor", K::kFloat, 1.19}};
constexpr SynthKey kGranite[] = {{"rope.freq_base", K::kFloat, 10000}, {"embedding_scale", K::kFloat, 12},
                                 {"residual_scale", K::kFloat, 0.22}, {"attention.scale", K::kFloat, 0.0625},
                                 {"logit_scale", K::kFloat, 8}};
constexpr SynthKey kGptOss[] = {{"rope.freq_base", K::kFloat, 150000}, {"attention.sliding_window", K::kUint, 32},
                                {"rope.scaling.type", K::kText, 0, "yarn"}, {"rope.scaling.factor", K::kFloat, 8},
                                {"rope.scaling.original_context_length", K::kUint, 256}};
constexpr SynthKey kBert[] = {{"attention.causal", K::kBool, 0}, {"pooling_type", K::kUint, 2}};
constexpr SynthKey kNomicBert[] = {{"attention.causal", K::kBool, 0}, {"pooling_type", K::kUint, 1},
                                   {"rope.freq_base", K::kFloat, 1000}};
constexpr SynthKey kLinearRope[] = {{"rope.freq_base", K::kFloat, 10000}, {"rope.scaling.type", K::kText, 0, "linear"},
                                    {"rope.scaling.factor", K::kFloat, 4}};

constexpr SynthShape kShapes[] = {
    {.name = "llama-tiny", .architecture = "llama", .layers = 8, .keys = kLlama},
    {.name = "llama3-tiny", .architecture = "llama", .tied = true, .rope_freqs = true, .keys = kLlama3},
    {.name = "llama-linear-tiny", .architecture = "llama", .keys = kLinearRope},
    {.name = "mistral-tiny", .architecture = "llama", .heads = 8, .kv_heads = 2, .head_dim = 64, .keys = kQwen},
    {.name = "mixtral-tiny", .architecture = "llama", .ffn = 256, .experts = 8, .experts_used = 2, .keys = kQwen},
    {.name = "qwen2-tiny", .architecture = "qwen2", .tied = true, .qkv_bias = true, .keys = kQwen},
    {.name = "qwen3-tiny", .architecture = "qwen3", .head_dim = 128, .tied = true, .qk_norm = true, .keys = kQwen},
    {.name = "qwen3moe-tiny", .architecture = "qwen3moe", .ffn = 256, .experts = 6, .experts_used = 3, .qk_norm = true, .keys = kQwen},
    {.name = "gemma2-tiny", .architecture = "gemma2", .embedding_deviation = 0.3f, .tied = true, .post_norms = true, .keys = kGemma2},
    {.name = "gemma3-tiny", .architecture = "gemma3", .layers = 7, .kv_heads = 1, .embedding_deviation = 0.3f, .tied = true,
     .qk_norm = true, .post_norms = true, .keys = kGemma3},
    {.name = "phi3-tiny", .architecture = "phi3", .kv_heads = 4, .context = 1024, .fused_qkv = true, .fused_gate_up = true,
     .rope_long_short = true, .keys = kPhi3},
    {.name = "granite-tiny", .architecture = "granite", .output_gain = 8, .keys = kGranite},
    {.name = "smollm3-tiny", .architecture = "smollm3", .layers = 5, .tied = true, .keys = kQwen},
    {.name = "gpt-oss-tiny", .architecture = "gpt-oss", .ffn = 256, .experts = 4, .experts_used = 2, .qkv_bias = true,
     .all_bias = true, .sinks = true, .post_norm_before_ffn = true, .keys = kGptOss},
    {.name = "bitnet-tiny", .architecture = "bitnet-b1.58", .tied = true, .sub_norms = true, .ternary = true, .keys = kLlama3},
    {.name = "bitnet-old-tiny", .architecture = "bitnet", .tied = true, .sub_norms = true, .ternary = true, .keys = kLlama},
    {.name = "bert-tiny", .architecture = "bert", .kv_heads = 4, .context = 512, .encoder = true, .learned_positions = true,
     .gated_ffn = false, .keys = kBert},
    {.name = "nomic-bert-tiny", .architecture = "nomic-bert", .kv_heads = 4, .context = 512, .fused_qkv = true, .encoder = true,
     .keys = kNomicBert},

    {.name = "llama-1b", .architecture = "llama", .width = 2048, .ffn = 8192, .layers = 16, .heads = 32, .kv_heads = 8,
     .vocabulary = 32000, .context = 8192, .keys = kLlama3},
    {.name = "llama-8b", .architecture = "llama", .width = 4096, .ffn = 14336, .layers = 32, .heads = 32, .kv_heads = 8,
     .head_dim = 128, .vocabulary = 128256, .context = 8192, .keys = kLlama3},
    {.name = "bitnet-2b", .architecture = "bitnet-b1.58", .width = 2560, .ffn = 6912, .layers = 30, .heads = 20, .kv_heads = 5,
     .head_dim = 128, .vocabulary = 128256, .context = 4096, .tied = true, .sub_norms = true, .ternary = true, .keys = kLlama3},
    {.name = "bitnet-2b-old", .architecture = "bitnet", .width = 2560, .ffn = 6912, .layers = 30, .heads = 20, .kv_heads = 5,
     .head_dim = 128, .vocabulary = 128256, .context = 4096, .tied = true, .sub_norms = true, .ternary = true, .keys = kLlama3},
};
// clang-format on

// Collects the tensors of one shape.
class Builder {
 public:
  Builder(const SynthShape& shape, bool outliers) : shape_(shape) {
    if (outliers) {
      const double fraction = double(synth_outlier_channels(shape)) / shape.width;
      const double gain = double{kSynthOutlierGain} * kSynthOutlierGain;
      input_scale_ = float(1 / std::sqrt(1 + fraction * (gain - 1)));
    }
  }

  void norm(std::string name, uint64_t length, float mean = 1, bool input = false) {
    tensors_.push_back({std::move(name), {length}, SynthFill::kNormal, mean, 0.1f * mean, input});
  }
  void bias(std::string name, std::vector<uint64_t> dims) {
    tensors_.push_back({std::move(name), std::move(dims), SynthFill::kNormal, 0, 0.1f});
  }
  // Unit-sized inputs give outputs of deviation `gain`. `normed`: the inputs come from a norm over the
  // residual.
  void linear(std::string name, std::vector<uint64_t> dims, float gain, bool normed) {
    const float size = gain / std::sqrt(float(dims[0])) * (normed ? input_scale_ : 1.0f);
    const bool ternary = shape_.ternary && name.starts_with("blk.");
    tensors_.push_back({std::move(name), std::move(dims), ternary ? SynthFill::kTernary : SynthFill::kNormal,
                        0, ternary ? size * std::sqrt(1.5f) : size});
  }
  void factors(std::string name, float largest) {
    tensors_.push_back({std::move(name), {shape_.head_dim / 2}, SynthFill::kFrequencyFactors, 1, largest});
  }
  void embedding(std::string name, uint64_t rows) {
    tensors_.push_back({std::move(name), {shape_.width, rows}, SynthFill::kNormal, 0, embedding_deviation()});
  }
  float embedding_deviation() const { return shape_.embedding_deviation / std::sqrt(float(shape_.width)); }

  void model() {
    embedding("token_embd.weight", shape_.vocabulary);
    if (shape_.encoder) {
      embedding("token_types.weight", 2);
      if (shape_.learned_positions) embedding("position_embd.weight", shape_.context);
      norm("token_embd_norm.weight", shape_.width);
      bias("token_embd_norm.bias", {shape_.width});
    } else {
      head();
    }
    if (shape_.rope_freqs) factors("rope_freqs.weight", 8);
    if (shape_.rope_long_short) {
      factors("rope_factors_long.weight", 8);
      factors("rope_factors_short.weight", 1.5f);
    }
    for (uint32_t layer = 0; layer < shape_.layers; ++layer) {
      prefix_ = concat("blk.", layer, ".");
      attention();
      feed_forward();
    }
  }

  std::vector<SynthTensor> take() { return std::move(tensors_); }

 private:
  // Logits of deviation 2.
  void head() {
    const float deviation = 2 * shape_.output_gain;
    if (shape_.tied) {
      norm("output_norm.weight", shape_.width, deviation / shape_.embedding_deviation);
    } else {
      norm("output_norm.weight", shape_.width);
      linear("output.weight", {shape_.width, shape_.vocabulary}, deviation, false);
    }
  }

  void attention() {
    const uint64_t d = shape_.width, q = uint64_t{shape_.heads} * shape_.head_dim;
    const uint64_t kv = uint64_t{shape_.kv_heads} * shape_.head_dim;
    const bool normed = !shape_.encoder;
    if (normed) norm(prefix_ + "attn_norm.weight", d, 1, true);
    // Somewhat sharp attention, so that a wrong position shows.
    const float sharp = shape_.qk_norm ? 1.0f : 1.5f;
    if (shape_.fused_qkv) {
      linear(prefix_ + "attn_qkv.weight", {d, q + 2 * kv}, 1.25f, normed);
    } else {
      linear(prefix_ + "attn_q.weight", {d, q}, sharp, normed);
      linear(prefix_ + "attn_k.weight", {d, kv}, sharp, normed);
      linear(prefix_ + "attn_v.weight", {d, kv}, 1, normed);
      if (shape_.qkv_bias || (shape_.encoder && shape_.learned_positions)) {
        bias(prefix_ + "attn_q.bias", {q});
        bias(prefix_ + "attn_k.bias", {kv});
        bias(prefix_ + "attn_v.bias", {kv});
      }
    }
    if (shape_.qk_norm) {
      norm(prefix_ + "attn_q_norm.weight", shape_.head_dim, 1.5f);
      norm(prefix_ + "attn_k_norm.weight", shape_.head_dim, 1.5f);
    }
    if (shape_.sinks) bias(prefix_ + "attn_sinks.weight", {shape_.heads});
    if (shape_.sub_norms) norm(prefix_ + "attn_sub_norm.weight", d);
    linear(prefix_ + "attn_output.weight", {q, d}, shape_.sub_norms ? 1.0f : 2.0f, false);
    if (shape_.all_bias || (shape_.encoder && shape_.learned_positions))
      bias(prefix_ + "attn_output.bias", {d});
    if (shape_.post_norms || shape_.post_norm_before_ffn)
      norm(prefix_ + "post_attention_norm.weight", d, 1, shape_.post_norm_before_ffn);
    if (shape_.encoder) {
      norm(prefix_ + "attn_output_norm.weight", d);
      bias(prefix_ + "attn_output_norm.bias", {d});
    }
  }

  void feed_forward() {
    const uint64_t d = shape_.width, f = shape_.ffn;
    const bool normed = !shape_.encoder;
    if (normed && !shape_.post_norm_before_ffn) norm(prefix_ + "ffn_norm.weight", d, 1, true);
    if (shape_.experts > 0) {
      experts();
    } else {
      if (shape_.fused_gate_up) {
        linear(prefix_ + "ffn_up.weight", {d, 2 * f}, 1, normed);
      } else {
        if (shape_.gated_ffn) linear(prefix_ + "ffn_gate.weight", {d, f}, 1, normed);
        linear(prefix_ + "ffn_up.weight", {d, f}, 1, normed);
      }
      if (shape_.sub_norms) norm(prefix_ + "ffn_sub_norm.weight", f);
      linear(prefix_ + "ffn_down.weight", {f, d}, shape_.sub_norms ? 1.0f : 2.0f, false);
      if (shape_.encoder && shape_.learned_positions) {
        bias(prefix_ + "ffn_up.bias", {f});
        bias(prefix_ + "ffn_down.bias", {d});
      }
    }
    if (shape_.post_norms) norm(prefix_ + "post_ffw_norm.weight", d);
    if (shape_.encoder) {
      norm(prefix_ + "layer_output_norm.weight", d);
      bias(prefix_ + "layer_output_norm.bias", {d});
    }
  }

  void experts() {
    const uint64_t d = shape_.width, f = shape_.ffn, n = shape_.experts;
    linear(prefix_ + "ffn_gate_inp.weight", {d, n}, 1, true);
    linear(prefix_ + "ffn_gate_exps.weight", {d, f, n}, 1, true);
    linear(prefix_ + "ffn_up_exps.weight", {d, f, n}, 1, true);
    linear(prefix_ + "ffn_down_exps.weight", {f, d, n}, 2, false);
    if (!shape_.all_bias) return;
    bias(prefix_ + "ffn_gate_inp.bias", {n});
    bias(prefix_ + "ffn_gate_exps.bias", {f, n});
    bias(prefix_ + "ffn_up_exps.bias", {f, n});
    bias(prefix_ + "ffn_down_exps.bias", {d, n});
  }

  const SynthShape& shape_;
  float input_scale_ = 1;
  std::string prefix_;
  std::vector<SynthTensor> tensors_;
};

}  // namespace

std::span<const SynthShape> synth_shapes() { return kShapes; }

Result<const SynthShape*> find_synth_shape(std::string_view name) {
  std::string known;
  for (const SynthShape& shape : kShapes) {
    if (shape.name == name) return &shape;
    known += concat(known.empty() ? "" : " ", shape.name);
  }
  return fail(ErrorKind::kInvalidArgument, "shape ", name, "; wanted one of ", known);
}

uint32_t synth_outlier_channels(const SynthShape& shape) { return std::max(1u, shape.width / 200); }

std::vector<SynthTensor> synth_tensors(const SynthShape& shape, bool outliers) {
  Builder builder(shape, outliers);
  builder.model();
  return builder.take();
}

}  // namespace nibble
