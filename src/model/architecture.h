// Architectures as rows of data. The forward pass branches on these fields, never on names; what a file may
// change (sizes, scales, window length) is in model_config.h, which starts from the row.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "kernels/kernels.h"

namespace nibble {

struct Architecture {
  std::string_view name;  // general.architecture
  RopeKind rope = RopeKind::kHalves;
  Activation activation = Activation::kSilu;  // of the gate in activation(gate) * up

  // Norms, all RMS. Each sub-block has one before it; further ones:
  bool qk_norm = false;     // on every head of q and k, before RoPE
  bool post_norms = false;  // on the output of attention and of the FFN, before each joins the residual
  bool sub_norms = false;   // on the input of attn_output and of ffn_down

  // Tensors.
  bool fused_qkv = false;      // attn_qkv holds the rows of q, then k, then v
  bool fused_gate_up = false;  // ffn_up holds the rows of gate, then up
  bool qkv_bias = false;  // files usually carry biases of q, k and v (optional ones are accepted everywhere)
  bool tensor_scales = false;    // matrices may carry a one-value `.scale` tensor
  bool always_tied = false;      // the output head is token_embd even where a file has an output tensor
  bool long_short_rope = false;  // rope_factors_long / _short, chosen by the configured context

  // Attention.
  int window_period = 0;        // layer i has a window when i % period < period - 1; 0: none
  int64_t default_window = 0;   // when the file does not say; 0: no window then
  double local_rope_base = 0;   // layers with a window use this RoPE base, unscaled; 0: the common one
  int no_rope_period = 0;       // layer i has no RoPE when (i + 1) % period == 0; 0: all have it
  int width_scaled_layers = 0;  // a model of this many layers scales scores by 1 / sqrt(width / heads)
  float attention_softcap = 0;  // 0: none; the file may say otherwise, as with the next
  float logit_softcap = 0;

  // Scales.
  bool embedding_times_sqrt_width = false;
  bool scale_keys = false;       // the file sets embedding, residual, attention and logit scales (Granite)
  bool rope_switch_key = false;  // rope.scaling.finetuned = false means no RoPE at all (Granite)
};

std::span<const Architecture> architectures();
// The error names the architecture and lists the known ones.
Result<const Architecture*> find_architecture(std::string_view name);

}  // namespace nibble
