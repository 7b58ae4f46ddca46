#include "model/model_config.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "base/quote.h"
#include "model/config_keys.h"

namespace nibble {
namespace {

using namespace config_keys;

constexpr double kMaxScale = 1e6;

// Keys of one architecture, each with the range it must lie in.
class Keys {
 public:
  Keys(const GgufFile& file, std::string_view architecture)
      : file_(file), prefix_(concat(architecture, ".")) {}

  std::string name(std::string_view key) const { return prefix_ + std::string(key); }
  std::optional<GgufValue> find(std::string_view key) const { return file_.find(name(key)); }

  template <class... Parts>
  std::unexpected<Error> bad(std::string_view key, const Parts&... parts) const {
    return fail(ErrorKind::kBadFile, file_.path(), ": key ", name(key), " ", parts...);
  }

  // No fallback: the key must be there.
  Result<int64_t> integer(std::string_view key, int64_t low, int64_t high,
                          std::optional<int64_t> fallback) const {
    NIBBLE_TRY(const std::optional<uint64_t> value, file_.get_uint(name(key)));
    if (!value) {
      if (fallback) return *fallback;
      return bad(key, "is missing");
    }
    if (*value < uint64_t(low) || *value > uint64_t(high))
      return bad(key, "is ", *value, ", wanted ", low, " to ", high);
    return int64_t(*value);
  }

  Result<double> real(std::string_view key, double low, double high, std::optional<double> fallback) const {
    NIBBLE_TRY(const std::optional<double> value, file_.get_float(name(key)));
    if (!value) {
      if (fallback) return *fallback;
      return bad(key, "is missing");
    }
    if (!(*value >= low && *value <= high)) return bad(key, "is ", *value, ", wanted ", low, " to ", high);
    return *value;
  }

  // One number for all layers or an array of one a layer.
  Result<std::vector<int64_t>> per_layer(std::string_view key, size_t layers, int64_t high,
                                         const std::vector<int64_t>& fallback) const {
    const std::optional<GgufValue> value = find(key);
    if (!value && !fallback.empty()) return fallback;
    if (!value || !value->is_array()) {
      NIBBLE_TRY(const int64_t all, integer(key, 1, high, std::nullopt));
      return std::vector<int64_t>(layers, all);
    }
    if (value->size() < layers)
      return bad(key, "has ", value->size(), " elements, wanted one for each of ", layers, " layers");
    std::vector<int64_t> values;
    for (size_t i = 0; i < layers; ++i) {
      const std::optional<uint64_t> element = value->at(i).as_uint();
      if (!element || *element < 1 || *element > uint64_t(high))
        return bad(concat(key, "[", i, "]"), "is ", element ? concat(*element) : "not an integer",
                   ", wanted 1 to ", high);
      values.push_back(int64_t(*element));
    }
    return values;
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

bool row_has_window(const Architecture& row, size_t layer) {
  return row.window_period > 0 && int(layer % size_t(row.window_period)) < row.window_period - 1;
}

bool row_has_rope(const Architecture& row, size_t layer) {
  return row.rope != RopeKind::kNone &&
         (row.no_rope_period == 0 || (layer + 1) % size_t(row.no_rope_period) != 0);
}

float row_attention_scale(const ModelConfig& config) {
  int64_t dim = config.head_dim;
  if (int(config.layers.size()) == config.architecture->width_scaled_layers)
    dim = config.width / config.layers[0].heads;
  return 1.0f / std::sqrt(float(dim));
}

// The vocabulary's size as the tokenizer has it, else the key, else the embedding's rows.
Result<int64_t> read_vocabulary(const GgufFile& file, const Keys& keys) {
  if (const auto tokens = file.find(kTokens); tokens && tokens->is_array()) {
    if (tokens->size() < 1 || tokens->size() > uint64_t(kMaxVocabulary))
      return fail(ErrorKind::kBadFile, file.path(), ": key ", kTokens, " has ", tokens->size(),
                  " elements, wanted 1 to ", kMaxVocabulary);
    return int64_t(tokens->size());
  }
  return keys.integer(kVocabulary, 1, kMaxVocabulary, std::nullopt);
}

// Which layers have a window: the row's pattern, a period, or one bool a layer.
Status read_windows(const Keys& keys, ModelConfig& config) {
  const Architecture& row = *config.architecture;
  if (row.window_period == 0) return {};
  NIBBLE_TRY(const int64_t window, keys.integer(kWindow, 0, kMaxContext, row.default_window));
  if (window == 0) return {};
  NIBBLE_TRY(config.local_rope_base, keys.real(kLocalRopeBase, 1.000001, 1e12, row.local_rope_base));
  const std::optional<GgufValue> pattern = keys.find(kWindowPattern);
  int64_t period = row.window_period;
  const bool listed = pattern && pattern->is_array();
  if (listed && pattern->size() < config.layers.size())
    return keys.bad(kWindowPattern, "has ", pattern->size(), " elements, wanted ", config.layers.size());
  if (pattern && !listed) {
    NIBBLE_TRY(period, keys.integer(kWindowPattern, 0, kMaxLayers, std::nullopt));
  }
  for (size_t i = 0; i < config.layers.size(); ++i) {
    bool windowed = period == 0 || int64_t(i) % period < period - 1;
    if (listed) {
      const GgufValue element = pattern->at(i);
      const std::optional<uint64_t> number = element.as_uint();
      const std::optional<bool> flag = number ? std::optional<bool>(*number != 0) : element.as_bool();
      if (!flag) return keys.bad(concat(kWindowPattern, "[", i, "]"), "is not a bool");
      windowed = *flag;
    }
    if (!windowed) continue;
    config.layers[i].window = window;
    config.layers[i].local_rope = config.local_rope_base > 0;
  }
  return {};
}

Status read_rope(const GgufFile& file, const Keys& keys, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  NIBBLE_TRY(const int64_t rotated, keys.integer(kRotatedDim, 2, kMaxHeadDim, config.head_dim));
  config.rotated_dim = int(rotated);
  NIBBLE_TRY(config.rope_base, keys.real(kRopeBase, 1.000001, 1e12, 10000));
  NIBBLE_TRY(const auto type, file.get_string(keys.name(kRopeScalingType)));
  if (type) {
    const auto* known = std::ranges::find(kRopeScalingNames, *type, &RopeScalingName::name);
    if (known == std::end(kRopeScalingNames))
      return fail(ErrorKind::kUnsupported, file.path(), ": key ", keys.name(kRopeScalingType), " is ",
                  quoted(*type), ", known are none, linear, yarn, longrope");
    scaling.kind = known->kind;
  }
  NIBBLE_TRY(const double old_factor, keys.real(kRopeFactorOld, 0, kMaxScale, 0));
  NIBBLE_TRY(const double factor, keys.real(kRopeFactor, 0, kMaxScale, old_factor));
  scaling.factor = factor == 0 ? 1 : factor;  // converters write 0 for "none"
  NIBBLE_TRY(scaling.original_context, keys.integer(kRopeOriginalContext, 1, kMaxContext, config.context));
  NIBBLE_TRY(scaling.attn_factor, keys.real(kRopeAttnFactor, 1e-6, kMaxScale, 1));
  if (scaling.kind == RopeScaling::Kind::kYarn) {
    NIBBLE_TRY(const double extrapolation, keys.real(kYarnExtrapolation, -1, kMaxScale, 1));
    scaling.extrapolation = extrapolation < 0 ? 1 : extrapolation;
    NIBBLE_TRY(scaling.beta_fast, keys.real(kYarnBetaFast, 1e-6, kMaxScale, 32));
    NIBBLE_TRY(scaling.beta_slow, keys.real(kYarnBetaSlow, 1e-6, kMaxScale, 1));
    NIBBLE_TRY(scaling.log_multiplier, keys.real(kYarnLogMultiplier, 0, kMaxScale, 0));
  }
  if (config.architecture->rope_switch_key) {
    NIBBLE_TRY(const auto on, file.get_bool(keys.name(kRopeOn)));
    if (on && !*on)
      for (LayerConfig& layer : config.layers) layer.rope = false;
  }
  return {};
}

// Keys that exist for some rows only; 0 means "not set" in files.
Status read_scales(const Keys& keys, ModelConfig& config) {
  const Architecture& row = *config.architecture;
  config.attention_scale = row_attention_scale(config);
  if (row.embedding_times_sqrt_width) config.embedding_scale = std::sqrt(float(config.width));
  NIBBLE_TRY(const double logit_cap, keys.real(kLogitSoftcap, 0, kMaxScale, row.logit_softcap));
  config.logit_softcap = float(logit_cap);
  if (row.attention_softcap > 0) {
    NIBBLE_TRY(const double cap, keys.real(kAttentionSoftcap, 0, kMaxScale, row.attention_softcap));
    config.attention_softcap = float(cap);
  }
  if (!row.scale_keys) return {};
  const auto set = [](double value, float fallback) { return value == 0 ? fallback : float(value); };
  NIBBLE_TRY(const double attention, keys.real(kAttentionScale, 0, kMaxScale, 0));
  NIBBLE_TRY(const double embedding, keys.real(kEmbeddingScale, 0, kMaxScale, 0));
  NIBBLE_TRY(const double residual, keys.real(kResidualScale, 0, kMaxScale, 0));
  NIBBLE_TRY(const double logit, keys.real(kLogitScale, 1e-6, kMaxScale, std::nullopt));
  config.attention_scale = set(attention, config.attention_scale);
  config.embedding_scale = set(embedding, 1);
  config.residual_scale = set(residual, 1);
  config.logit_scale = float(logit);
  return {};
}

Status read_layers(const Keys& keys, ModelConfig& config) {
  NIBBLE_TRY(const int64_t count, keys.integer(kLayerCount, 1, kMaxLayers, std::nullopt));
  const size_t layers = size_t(count);
  NIBBLE_TRY(const auto ffn, keys.per_layer(kFfnLength, layers, kMaxFfnLength, {}));
  NIBBLE_TRY(const auto heads, keys.per_layer(kHeads, layers, kMaxHeads, {}));
  NIBBLE_TRY(const auto kv_heads, keys.per_layer(kKvHeads, layers, kMaxHeads, heads));
  for (size_t i = 0; i < layers; ++i)
    config.layers.push_back({.heads = int(heads[i]),
                             .kv_heads = int(kv_heads[i]),
                             .ffn_length = ffn[i],
                             .rope = row_has_rope(*config.architecture, i)});
  return {};
}

Status read_head_size(const GgufFile& file, const Keys& keys, ModelConfig& config) {
  const int heads = config.layers[0].heads;
  if (!keys.find(kKeyLength) && config.width % heads != 0)
    return keys.bad(kHeads, "is ", heads, ", which does not divide ", kWidth, " = ", config.width, ", and ",
                    kKeyLength, " is missing");
  NIBBLE_TRY(const int64_t key_length, keys.integer(kKeyLength, 1, kMaxHeadDim, config.width / heads));
  NIBBLE_TRY(const int64_t value_length, keys.integer(kValueLength, 1, kMaxHeadDim, key_length));
  if (value_length != key_length)
    return fail(ErrorKind::kUnsupported, file.path(), ": key ", keys.name(kValueLength), " is ", value_length,
                ", wanted the same as ", kKeyLength, " = ", key_length);
  config.head_dim = int(key_length);
  return {};
}

}  // namespace

Result<ModelConfig> read_model_config(const GgufFile& file) {
  NIBBLE_TRY(const auto architecture, file.get_string("general.architecture"));
  if (!architecture) return fail(ErrorKind::kBadFile, file.path(), ": key general.architecture is missing");
  ModelConfig config;
  Result<const Architecture*> row = find_architecture(*architecture);
  if (!row) return forward_error(std::move(row).error(), file.path());
  config.architecture = *row;
  const Keys keys(file, *architecture);
  NIBBLE_TRY(const int64_t experts, keys.integer(kExperts, 0, 1 << 20, 0));
  if (experts > 0)
    return fail(ErrorKind::kUnsupported, file.path(), ": key ", keys.name(kExperts), " is ", experts,
                ": mixtures of experts are not supported yet");
  NIBBLE_TRY(config.context, keys.integer(kContext, 1, kMaxContext, std::nullopt));
  NIBBLE_TRY(config.width, keys.integer(kWidth, 1, kMaxWidth, std::nullopt));
  NIBBLE_TRY(config.vocabulary, read_vocabulary(file, keys));
  NIBBLE_TRY(const double epsilon, keys.real(kNormEpsilon, 0, 1, std::nullopt));
  config.norm_epsilon = float(epsilon);
  NIBBLE_CHECK_OK(read_layers(keys, config));
  NIBBLE_CHECK_OK(read_head_size(file, keys, config));
  NIBBLE_CHECK_OK(read_rope(file, keys, config));
  NIBBLE_CHECK_OK(read_windows(keys, config));
  NIBBLE_CHECK_OK(read_scales(keys, config));
  if (Status checked = check_model_config(config); !checked)
    return forward_error(std::move(checked).error(), file.path());
  return config;
}

Status check_model_config(const ModelConfig& config) {
  const auto bad = [&](std::string_view key, const auto&... parts) {
    return fail(ErrorKind::kBadFile, "key ", config.architecture->name, ".", key, " ", parts...);
  };
  const auto outside = [](int64_t value, int64_t high) { return value < 1 || value > high; };
  if (outside(config.vocabulary, kMaxVocabulary))
    return bad(kVocabulary, "is ", config.vocabulary, ", wanted 1 to ", kMaxVocabulary);
  if (outside(config.context, kMaxContext))
    return bad(kContext, "is ", config.context, ", wanted 1 to ", kMaxContext);
  if (outside(config.width, kMaxWidth)) return bad(kWidth, "is ", config.width, ", wanted 1 to ", kMaxWidth);
  if (outside(int64_t(config.layers.size()), kMaxLayers))
    return bad(kLayerCount, "is ", config.layers.size(), ", wanted 1 to ", kMaxLayers);
  if (outside(config.head_dim, kMaxHeadDim) || config.head_dim % 8 != 0)
    return fail(ErrorKind::kUnsupported, "key ", config.architecture->name, ".", kKeyLength, ": heads of ",
                config.head_dim, " values, wanted a multiple of 8 up to ", kMaxHeadDim);
  if (config.rotated_dim < 2 || config.rotated_dim > config.head_dim || config.rotated_dim % 2 != 0)
    return bad(kRotatedDim, "is ", config.rotated_dim, ", wanted an even number up to the head size ",
               config.head_dim);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const LayerConfig& layer = config.layers[i];
    if (outside(layer.heads, kMaxHeads)) return bad(kHeads, "is ", layer.heads, " in layer ", i);
    if (outside(layer.kv_heads, layer.heads) || layer.heads % layer.kv_heads != 0)
      return bad(kKvHeads, "is ", layer.kv_heads, " in layer ", i, ", wanted a divisor of ", kHeads, " = ",
                 layer.heads);
    if (outside(layer.ffn_length, kMaxFfnLength))
      return bad(kFfnLength, "is ", layer.ffn_length, " in layer ", i);
  }
  return {};
}

ModelConfig make_model_config(const Architecture& architecture, const ModelShape& shape) {
  ModelConfig config;
  config.architecture = &architecture;
  config.vocabulary = shape.vocabulary;
  config.context = shape.context;
  config.width = shape.width;
  config.head_dim = config.rotated_dim = shape.head_dim;
  config.rope_scaling.original_context = shape.context;
  const int64_t window = shape.window > 0 ? shape.window : architecture.default_window;
  if (architecture.window_period > 0 && window > 0) config.local_rope_base = architecture.local_rope_base;
  for (int i = 0; i < shape.layers; ++i) {
    LayerConfig layer{.heads = shape.heads, .kv_heads = shape.kv_heads, .ffn_length = shape.ffn_length};
    layer.rope = row_has_rope(architecture, size_t(i));
    layer.window = row_has_window(architecture, size_t(i)) ? window : 0;
    layer.local_rope = layer.window > 0 && architecture.local_rope_base > 0;
    config.layers.push_back(layer);
  }
  config.attention_scale = row_attention_scale(config);
  config.attention_softcap = architecture.attention_softcap;
  config.logit_softcap = architecture.logit_softcap;
  if (architecture.embedding_times_sqrt_width) config.embedding_scale = std::sqrt(float(config.width));
  return config;
}

}  // namespace nibble
