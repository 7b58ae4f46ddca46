#include "model/architecture.h"

#include <string>

#include "base/quote.h"

namespace nibble {
namespace {

constexpr Architecture kArchitectures[] = {
    {.name = "llama", .rope = RopeKind::kAdjacentPairs},  // also Mistral, SmolLM2, TinyLlama
    {.name = "qwen2", .qkv_bias = true},
    {.name = "qwen3", .qk_norm = true},
    {.name = "phi3", .fused_qkv = true, .fused_gate_up = true, .long_short_rope = true},
    {.name = "gemma2",
     .activation = Activation::kGelu,
     .post_norms = true,
     .always_tied = true,
     .window_period = 2,
     .default_window = 4096,
     .width_scaled_layers = 46,
     .attention_softcap = 50,
     .logit_softcap = 30,
     .embedding_times_sqrt_width = true},
    {.name = "gemma3",
     .activation = Activation::kGelu,
     .qk_norm = true,
     .post_norms = true,
     .window_period = 6,
     .local_rope_base = 10000,
     .width_scaled_layers = 62,
     .embedding_times_sqrt_width = true},
    {.name = "smollm3", .rope = RopeKind::kAdjacentPairs, .no_rope_period = 4},
    {.name = "granite", .rope = RopeKind::kAdjacentPairs, .scale_keys = true, .rope_switch_key = true},
    // BitNet b1.58 2B4T, under the names its converters have used.
    {.name = "bitnet-b1.58", .activation = Activation::kReluSquared, .sub_norms = true, .always_tied = true},
    {.name = "bitnet-25", .activation = Activation::kReluSquared, .sub_norms = true, .always_tied = true},
    // The first BitNet models.
    {.name = "bitnet", .sub_norms = true, .tensor_scales = true, .always_tied = true},
};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

Result<const Architecture*> find_architecture(std::string_view name) {
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name) return &architecture;
    if (!known.empty()) known += ", ";
    known += architecture.name;
  }
  return fail(ErrorKind::kUnsupported, "architecture ", quoted(name), " is not known; known are ", known);
}

}  // namespace nibble
