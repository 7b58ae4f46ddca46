// A ModelConfig as keys of a GGUF file: what read_model_config reads back equal.
#include <algorithm>
#include <string>

#include "model/config_keys.h"
#include "model/model_config.h"

namespace nibble {
namespace {

using namespace config_keys;

class KeyWriter {
 public:
  KeyWriter(GgufWriter& writer, std::string_view architecture)
      : writer_(writer), prefix_(concat(architecture, ".")) {}
  std::string name(std::string_view key) const { return prefix_ + std::string(key); }
  void integer(std::string_view key, int64_t value) { writer_.set_uint32(name(key), uint32_t(value)); }
  void real(std::string_view key, double value) { writer_.set_float32(name(key), float(value)); }
  void text(std::string_view key, std::string_view value) { writer_.set_string(name(key), value); }
  void flag(std::string_view key, bool value) { writer_.set_bool(name(key), value); }
  // One number where all layers agree, else an array.
  template <class Field>
  void per_layer(std::string_view key, const ModelConfig& config, Field field) {
    std::vector<uint32_t> values;
    for (const LayerConfig& layer : config.layers) values.push_back(uint32_t(field(layer)));
    if (std::ranges::adjacent_find(values, std::not_equal_to()) == values.end())
      writer_.set_uint32(name(key), values[0]);
    else
      writer_.set_uint32s(name(key), values);
  }
  void windows(const ModelConfig& config);

 private:
  GgufWriter& writer_;
  std::string prefix_;
};

// Always the list of layers: it needs no row to be understood.
void KeyWriter::windows(const ModelConfig& config) {
  const auto& layers = config.layers;
  integer(kWindow, std::ranges::max_element(layers, {}, &LayerConfig::window)->window);
  const auto windowed = std::make_unique<bool[]>(layers.size());
  std::ranges::transform(layers, windowed.get(), [](const LayerConfig& layer) { return layer.window > 0; });
  writer_.set_bools(name(kWindowPattern), std::span<const bool>(windowed.get(), layers.size()));
}

void write_rope(const ModelConfig& config, KeyWriter& keys) {
  keys.integer(kRotatedDim, config.rotated_dim);
  keys.real(kRopeBase, config.rope_base);
  const RopeScaling& scaling = config.rope_scaling;
  keys.text(kRopeScalingType,
            std::ranges::find(kRopeScalingNames, scaling.kind, &RopeScalingName::kind)->name);
  keys.real(kRopeFactor, scaling.factor);
  keys.integer(kRopeOriginalContext, scaling.original_context);
  keys.real(kRopeAttnFactor, scaling.attn_factor);
  if (scaling.kind != RopeScaling::Kind::kYarn) return;
  keys.real(kYarnExtrapolation, scaling.extrapolation);
  keys.real(kYarnBetaFast, scaling.beta_fast);
  keys.real(kYarnBetaSlow, scaling.beta_slow);
  if (scaling.log_multiplier != 0) keys.real(kYarnLogMultiplier, scaling.log_multiplier);
}

}  // namespace

void write_model_config(const ModelConfig& config, GgufWriter& writer) {
  const Architecture& row = *config.architecture;
  KeyWriter keys(writer, row.name);
  writer.set_string("general.architecture", row.name);
  keys.integer(kContext, config.context);
  keys.integer(kWidth, config.width);
  keys.integer(kLayerCount, int64_t(config.layers.size()));
  keys.integer(kVocabulary, config.vocabulary);
  keys.real(kNormEpsilon, double(config.norm_epsilon));
  keys.per_layer(kFfnLength, config, [](const LayerConfig& layer) { return layer.ffn_length; });
  keys.per_layer(kHeads, config, [](const LayerConfig& layer) { return layer.heads; });
  keys.per_layer(kKvHeads, config, [](const LayerConfig& layer) { return layer.kv_heads; });
  keys.integer(kKeyLength, config.head_dim);
  keys.integer(kValueLength, config.head_dim);
  write_rope(config, keys);
  if (row.window_period > 0) keys.windows(config);
  if (config.local_rope_base > 0) keys.real(kLocalRopeBase, config.local_rope_base);
  if (row.attention_softcap > 0) keys.real(kAttentionSoftcap, double(config.attention_softcap));
  if (config.logit_softcap > 0 || row.logit_softcap > 0)
    keys.real(kLogitSoftcap, double(config.logit_softcap));
  if (row.scale_keys) {
    keys.real(kAttentionScale, double(config.attention_scale));
    keys.real(kEmbeddingScale, double(config.embedding_scale));
    keys.real(kResidualScale, double(config.residual_scale));
    keys.real(kLogitScale, double(config.logit_scale));
  }
  if (row.rope_switch_key)
    keys.flag(kRopeOn,
              std::ranges::any_of(config.layers, [](const LayerConfig& layer) { return layer.rope; }));
}

}  // namespace nibble
