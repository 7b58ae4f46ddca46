#include "transform/hf_model.h"

#include <algorithm>
#include <cmath>

#include "base/quote.h"

namespace nibble {
namespace {

constexpr HfClass kClasses[] = {
    {.name = "LlamaForCausalLM", .architecture = "llama"},
    {.name = "MistralForCausalLM", .architecture = "llama"},
    {.name = "Qwen2ForCausalLM", .architecture = "qwen2"},
    {.name = "Qwen3ForCausalLM", .architecture = "qwen3"},
    {.name = "Phi3ForCausalLM", .architecture = "phi3"},
    {.name = "Gemma2ForCausalLM", .architecture = "gemma2", .tied_by_default = true, .norms_from_one = true},
    {.name = "Gemma3ForCausalLM",
     .architecture = "gemma3",
     .tied_by_default = true,
     .rope_base = 1e6,
     .norms_from_one = true,
     .nested_defaults = true},
    {.name = "Gemma3ForConditionalGeneration",
     .architecture = "gemma3",
     .tied_by_default = true,
     .rope_base = 1e6,
     .norms_from_one = true,
     .text_part = true,
     .nested_defaults = true},
    {.name = "SmolLM3ForCausalLM", .architecture = "smollm3", .tied_by_default = true, .rope_base = 2e6},
    {.name = "GraniteForCausalLM", .architecture = "granite"},
    {.name = "BitNetForCausalLM",
     .architecture = "bitnet-b1.58",
     .tied_by_default = true,
     .rope_base = 5e5,
     .ternary = true},
    {.name = "BitnetForCausalLM", .architecture = "bitnet", .tied_by_default = true, .ternary = true},
};

// Sizes that Gemma 3's config.json leaves out where they are the library's own.
struct NestedDefault {
  std::string_view key;
  int64_t value;
};
constexpr NestedDefault kGemma3Defaults[] = {{"vocab_size", 262208},
                                             {"hidden_size", 2304},
                                             {"intermediate_size", 9216},
                                             {"num_hidden_layers", 26},
                                             {"num_attention_heads", 8},
                                             {"num_key_value_heads", 4},
                                             {"head_dim", 256},
                                             {"sliding_window", 4096},
                                             {"max_position_embeddings", 131072},
                                             {"query_pre_attn_scalar", 256}};

std::string shown(JsonValue value) {
  if (const auto text = value.as_string()) return quoted(*text);
  if (const auto number = value.as_double()) return concat(*number);
  if (const auto flag = value.as_bool()) return concat(*flag);
  return std::string(json_kind_name(value.kind()));
}

// The sizes of a model whose layers are all alike.
class SizeReader {
 public:
  SizeReader(const HfConfig& config, const HfClass& row) : config_(config), row_(row) {}

  Result<int64_t> size(std::string_view key, int64_t high,
                       std::optional<int64_t> fallback = std::nullopt) const {
    if (row_.nested_defaults)
      for (const NestedDefault& known : kGemma3Defaults)
        if (known.key == key) fallback = known.value;
    return config_.integer(key, 1, high, fallback);
  }

  Result<ModelShape> shape() const {
    ModelShape shape;
    NIBBLE_TRY(shape.vocabulary, size("vocab_size", kMaxVocabulary));
    NIBBLE_TRY(shape.context, size("max_position_embeddings", kMaxContext));
    NIBBLE_TRY(shape.width, size("hidden_size", kMaxWidth));
    NIBBLE_TRY(shape.ffn_length, size("intermediate_size", kMaxFfnLength));
    NIBBLE_TRY(const int64_t layers, size("num_hidden_layers", kMaxLayers));
    NIBBLE_TRY(const int64_t heads, size("num_attention_heads", kMaxHeads));
    NIBBLE_TRY(const int64_t kv_heads, size("num_key_value_heads", kMaxHeads, heads));
    if (!config_["head_dim"].has_value() && !row_.nested_defaults && shape.width % heads != 0)
      return config_.bad(ErrorKind::kBadFile, "num_attention_heads", "is ", heads,
                         ", which does not divide hidden_size = ", shape.width);
    NIBBLE_TRY(const int64_t head_dim,
               size("head_dim", kMaxHeadDim, std::max<int64_t>(1, shape.width / heads)));
    shape.layers = int(layers), shape.heads = int(heads), shape.kv_heads = int(kv_heads);
    shape.head_dim = int(head_dim);
    return shape;
  }

 private:
  const HfConfig& config_;
  const HfClass& row_;
};

// Gemma: which layers see a window only, and how long it is.
Status read_windows(const HfConfig& config, HfModel& model) {
  ModelConfig& out = model.config;
  NIBBLE_TRY(const int64_t window,
             SizeReader(config, *model.hf_class).size("sliding_window", kMaxContext, 4096));
  const JsonValue types = config["layer_types"];
  int64_t period = out.architecture->window_period;
  for (std::string_view key : {"sliding_window_pattern", "_sliding_window_pattern"}) {
    NIBBLE_TRY(period, config.integer(key, 1, kMaxLayers, period));
  }
  std::vector<bool> windowed;
  for (size_t i = 0; i < out.layers.size(); ++i) windowed.push_back(int64_t(i + 1) % period != 0);
  if (types.has_value()) {
    if (types.size() != out.layers.size())
      return config.bad(ErrorKind::kBadFile, "layer_types", "has ", types.size(), " entries, wanted ",
                        out.layers.size());
    windowed.clear();
    for (const JsonValue type : types.elements()) {
      const auto name = type.as_string().value_or("");
      if (name != "sliding_attention" && name != "full_attention")
        return config.bad(ErrorKind::kUnsupported, "layer_types", "has ", shown(type),
                          ", known are sliding_attention and full_attention");
      windowed.push_back(name == "sliding_attention");
    }
  }
  for (size_t i = 0; i < out.layers.size(); ++i) {
    out.layers[i].window = windowed[i] ? window : 0;
    out.layers[i].local_rope = windowed[i] && out.local_rope_base > 0;
  }
  return {};
}

// Architectures whose GGUF files say nothing of a window run without one.
Status note_window(const HfConfig& config, HfModel& model) {
  NIBBLE_TRY(const bool used, config.flag("use_sliding_window", true));
  NIBBLE_TRY(const int64_t window, config.integer("sliding_window", 0, kMaxContext * 64, 0));
  if (used && window > 0 && window < model.config.context)
    model.notes.push_back(concat("sliding_window = ", window,
                                 " is not applied: texts longer than that are attended to as a "
                                 "whole, up to ",
                                 model.config.context, " tokens (as llama.cpp does)"));
  return {};
}

Status read_scales(const HfConfig& config, ModelConfig& out) {
  const Architecture& row = *out.architecture;
  // null turns a cap off, silence leaves the library's own.
  const auto usual = [&](std::string_view key, float cap) {
    return config[key].exists() ? 0.0 : double(cap);
  };
  constexpr std::string_view kLogitCap = "final_logit_softcapping", kScoreCap = "attn_logit_softcapping";
  NIBBLE_TRY(const double cap, config.real(kLogitCap, 0, 1e6, usual(kLogitCap, row.logit_softcap)));
  out.logit_softcap = float(cap);
  NIBBLE_TRY(const double attention_cap,
             config.real(kScoreCap, 0, 1e6, usual(kScoreCap, row.attention_softcap)));
  if (attention_cap > 0 && row.attention_softcap == 0)
    return config.bad(ErrorKind::kUnsupported, kScoreCap, "is ", attention_cap, ", wanted none for ",
                      row.name);
  out.attention_softcap = float(attention_cap);
  if (row.embedding_times_sqrt_width) {
    NIBBLE_TRY(const double scalar, config.real("query_pre_attn_scalar", 1e-6, 1e9, 256));
    const float scale = float(1 / std::sqrt(scalar));
    if (std::abs(scale - out.attention_scale) > 1e-6f * scale)
      return config.bad(ErrorKind::kUnsupported, "query_pre_attn_scalar", "is ", scalar, ", wanted ",
                        1 / (double(out.attention_scale) * double(out.attention_scale)),
                        ": GGUF has no key for another scale of the attention scores");
  }
  if (!row.scale_keys) return {};
  NIBBLE_TRY(const double attention, config.real("attention_multiplier", 1e-9, 1e6, 1));
  NIBBLE_TRY(const double embedding, config.real("embedding_multiplier", 1e-9, 1e6, 1));
  NIBBLE_TRY(const double residual, config.real("residual_multiplier", 1e-9, 1e6, 1));
  NIBBLE_TRY(const double logit, config.real("logits_scaling", 1e-6, 1e6, 1));
  out.attention_scale = float(attention), out.embedding_scale = float(embedding);
  out.residual_scale = float(residual), out.logit_scale = float(logit);
  return {};
}

Status check_activation(const HfConfig& config, const Architecture& row) {
  NIBBLE_TRY(std::string_view name, config.word("hidden_activation"));
  if (name.empty()) {
    NIBBLE_TRY(name, config.word("hidden_act"));
  }
  if (name.empty()) return {};
  const bool same = row.activation == Activation::kSilu   ? name == "silu" || name == "swish"
                    : row.activation == Activation::kGelu ? name == "gelu_pytorch_tanh"
                                                          : name == "relu2";
  if (same) return {};
  return config.bad(ErrorKind::kUnsupported, "hidden_act", "is ", quoted(name), ", which ", row.name,
                    " models do not have in nibble");
}

// Which layers rotate (SmolLM3): the pattern of the architecture's row is the only one that GGUF can say.
Status check_no_rope_layers(const HfConfig& config, const ModelConfig& out) {
  const JsonValue list = config["no_rope_layers"];
  if (!list.has_value()) return {};
  size_t i = 0;
  for (const JsonValue element : list.elements()) {
    if (i < out.layers.size() && element.as_int() != int64_t(out.layers[i].rope))
      return config.bad(ErrorKind::kUnsupported, "no_rope_layers", "has ", shown(element), " for layer ", i,
                        ", wanted ", int(out.layers[i].rope), " in ", out.architecture->name, " models");
    ++i;
  }
  return {};
}

// Weights that are no plain numbers any more.
Status check_quantization(const HfConfig& config, const HfClass& row) {
  const JsonValue quantization = config["quantization_config"];
  if (!quantization.has_value() || row.ternary) return {};
  return config.bad(ErrorKind::kUnsupported, "quantization_config", "says ",
                    shown(quantization["quant_method"]), ": convert the model that it was made from");
}

}  // namespace

Result<int64_t> HfConfig::integer(std::string_view key, int64_t low, int64_t high,
                                  std::optional<int64_t> fallback) const {
  const JsonValue value = values_[key];
  if (!value.has_value() && fallback) return *fallback;
  if (!value.has_value()) return bad(ErrorKind::kBadFile, key, "is missing");
  const auto number = value.as_int();
  if (!number || *number < low || *number > high)
    return bad(ErrorKind::kBadFile, key, "is ", shown(value), ", wanted a whole number from ", low, " to ",
               high);
  return *number;
}

Result<double> HfConfig::real(std::string_view key, double low, double high,
                              std::optional<double> fallback) const {
  const JsonValue value = values_[key];
  if (!value.has_value() && fallback) return *fallback;
  if (!value.has_value()) return bad(ErrorKind::kBadFile, key, "is missing");
  const auto number = value.as_double();
  if (!number || !(*number >= low && *number <= high))
    return bad(ErrorKind::kBadFile, key, "is ", shown(value), ", wanted a number from ", low, " to ", high);
  return *number;
}

Result<bool> HfConfig::flag(std::string_view key, bool fallback) const {
  const JsonValue value = values_[key];
  if (!value.has_value()) return fallback;
  const auto flag = value.as_bool();
  if (!flag) return bad(ErrorKind::kBadFile, key, "is ", shown(value), ", wanted true or false");
  return *flag;
}

Result<std::string_view> HfConfig::word(std::string_view key) const {
  const JsonValue value = values_[key];
  if (!value.has_value()) return std::string_view();
  const auto text = value.as_string();
  if (!text) return bad(ErrorKind::kBadFile, key, "is ", shown(value), ", wanted a string");
  return *text;
}

Result<const HfClass*> find_hf_class(JsonValue config, const std::string& path) {
  std::string found, known;
  for (const JsonValue name : config["architectures"].elements()) {
    for (const HfClass& row : kClasses)
      if (name.as_string() == row.name) return &row;
    found += concat(found.empty() ? "" : ", ", shown(name));
  }
  for (const HfClass& row : kClasses) known += concat(known.empty() ? "" : ", ", row.name);
  return fail(ErrorKind::kUnsupported, path, ": architectures has ", found.empty() ? "nothing" : found,
              "; known are ", known);
}

Result<HfModel> read_hf_model(const HfCheckpoint& checkpoint) {
  const std::string path = checkpoint.file("config.json");
  const HfConfig whole(checkpoint.config(), path);
  HfModel model;
  NIBBLE_TRY(model.hf_class, find_hf_class(checkpoint.config(), path));
  const HfClass& hf_class = *model.hf_class;
  const JsonValue inner = whole["text_config"];
  if (hf_class.text_part && !inner.is_object())
    return whole.bad(ErrorKind::kBadFile, "text_config", "is ", json_kind_name(inner.kind()),
                     ", wanted an object");
  const HfConfig config(hf_class.text_part ? inner : checkpoint.config(),
                        hf_class.text_part ? concat(path, ": text_config") : path);
  NIBBLE_CHECK_OK(check_quantization(config, hf_class));
  NIBBLE_TRY(const Architecture* row, find_architecture(hf_class.architecture));
  NIBBLE_CHECK_OK(check_activation(config, *row));
  NIBBLE_TRY(const int64_t experts, config.integer("num_local_experts", 0, 1 << 20, 0));
  if (experts > 0)
    return config.bad(ErrorKind::kUnsupported, "num_local_experts", "is ", experts,
                      ": mixtures of experts are not supported");
  NIBBLE_TRY(const ModelShape shape, SizeReader(config, hf_class).shape());
  model.config = make_model_config(*row, shape);
  NIBBLE_TRY(
      const double epsilon,
      config.real("rms_norm_eps", 0, 1, hf_class.nested_defaults ? std::optional(1e-6) : std::nullopt));
  model.config.norm_epsilon = float(epsilon);
  NIBBLE_TRY(const bool inner_tied, config.flag("tie_word_embeddings", hf_class.tied_by_default));
  NIBBLE_TRY(model.tied,
             hf_class.text_part ? whole.flag("tie_word_embeddings", inner_tied) : Result<bool>(inner_tied));
  if (row->always_tied && !model.tied)
    return config.bad(ErrorKind::kUnsupported, "tie_word_embeddings", "is false, wanted true for ",
                      row->name);
  NIBBLE_CHECK_OK(read_hf_rope(config, model));
  if (row->window_period > 0) {
    NIBBLE_CHECK_OK(read_windows(config, model));
  } else {
    NIBBLE_CHECK_OK(note_window(config, model));
  }
  NIBBLE_CHECK_OK(read_scales(config, model.config));
  NIBBLE_CHECK_OK(check_no_rope_layers(config, model.config));
  if (Status checked = check_model_config(model.config); !checked)
    return forward_error(std::move(checked).error(), path);
  return model;
}

}  // namespace nibble
