// Rotary position embedding as config.json describes it, in either of its spellings: rope_theta and
// rope_scaling, or rope_parameters. What the library computes is in modeling_rope_utils of transformers; the
// methods are linear interpolation (arXiv:2306.15595), YaRN (arXiv:2309.00071), LongRoPE (arXiv:2402.13753)
// and the three bands of Llama 3.1.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/quote.h"
#include "transform/hf_model.h"

namespace nibble {
namespace {

constexpr double kMaxFactor = 1e6;

// Frequencies of long waves are divided by `factor`, of short ones left, with a ramp between.
Result<std::vector<float>> llama3_factors(const HfConfig& scaling, const ModelConfig& model) {
  NIBBLE_TRY(const double factor, scaling.real("factor", 1, kMaxFactor));
  NIBBLE_TRY(const double low, scaling.real("low_freq_factor", 1e-6, kMaxFactor));
  NIBBLE_TRY(const double high, scaling.real("high_freq_factor", 1e-6, kMaxFactor));
  NIBBLE_TRY(const int64_t context, scaling.integer("original_max_position_embeddings", 1, kMaxContext));
  if (!(high > low))
    return scaling.bad(ErrorKind::kBadFile, "high_freq_factor", "is ", high,
                       ", wanted more than low_freq_factor = ", low);
  std::vector<float> factors;
  for (int i = 0; i < model.rotated_dim / 2; ++i) {
    const double frequency = std::pow(model.rope_base, -2.0 * i / model.rotated_dim);
    const double turns = double(context) * frequency / (2 * std::numbers::pi);  // within the original context
    const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    factors.push_back(float(1 / ((1 - kept) / factor + kept)));
  }
  return factors;
}

Result<std::vector<float>> listed_factors(const HfConfig& scaling, std::string_view key,
                                          const ModelConfig& model) {
  const JsonValue list = scaling[key];
  const size_t wanted = size_t(model.rotated_dim / 2);
  if (!list.is_array() || list.size() != wanted)
    return scaling.bad(ErrorKind::kBadFile, key, "is ", json_kind_name(list.kind()), " of ", list.size(),
                       ", wanted ", wanted, " numbers");
  std::vector<float> factors;
  for (const JsonValue element : list.elements()) {
    const auto value = element.as_double();
    if (!value || !(*value >= 1e-6 && *value <= 1e9))
      return scaling.bad(ErrorKind::kBadFile, key, "has ",
                         value ? concat(*value) : std::string(json_kind_name(element.kind())), " at ",
                         factors.size(), ", wanted 1e-6 to 1e9");
    factors.push_back(float(*value));
  }
  return factors;
}

double yarn_magnitude(double factor, double multiplier) {
  return factor <= 1 ? 1 : 0.1 * multiplier * std::log(factor) + 1;
}

Status read_yarn(const HfConfig& scaling, ModelConfig& model) {
  RopeScaling& out = model.rope_scaling;
  out.kind = RopeScaling::Kind::kYarn;
  NIBBLE_TRY(out.factor, scaling.real("factor", 1, kMaxFactor));
  NIBBLE_TRY(out.original_context,
             scaling.integer("original_max_position_embeddings", 1, kMaxContext, model.context));
  NIBBLE_TRY(out.beta_fast, scaling.real("beta_fast", 1e-6, kMaxFactor, 32));
  NIBBLE_TRY(out.beta_slow, scaling.real("beta_slow", 1e-6, kMaxFactor, 1));
  NIBBLE_TRY(const bool truncate, scaling.flag("truncate", true));
  if (!truncate) return scaling.bad(ErrorKind::kUnsupported, "truncate", "is false, wanted true");
  // The file's factor comes on top of YaRN's own magnitude; config.json states the whole.
  NIBBLE_TRY(double whole, scaling.real("attention_factor", 0, kMaxFactor, 0));
  NIBBLE_TRY(const double mscale, scaling.real("mscale", 0, kMaxFactor, 0));
  NIBBLE_TRY(const double mscale_all, scaling.real("mscale_all_dim", 0, kMaxFactor, 0));
  const double own = yarn_magnitude(out.factor, 1);
  if (whole == 0 && mscale > 0 && mscale_all > 0)
    whole = yarn_magnitude(out.factor, mscale) / yarn_magnitude(out.factor, mscale_all);
  out.attn_factor = whole == 0 ? 1 : whole / own;
  return {};
}

// LongRoPE (Phi-3): two lists of factors, and a magnitude from how far the context was extended.
Status read_long(const HfConfig& config, const HfConfig& scaling, HfModel& model) {
  ModelConfig& out = model.config;
  if (!out.architecture->long_short_rope)
    return scaling.bad(ErrorKind::kUnsupported, "rope_type", "is longrope, which only phi3 has in nibble");
  out.rope_scaling.kind = RopeScaling::Kind::kLong;
  NIBBLE_TRY(const int64_t inner,
             scaling.integer("original_max_position_embeddings", 1, kMaxContext, out.context));
  NIBBLE_TRY(out.rope_scaling.original_context,
             config.integer("original_max_position_embeddings", 1, kMaxContext, inner));
  NIBBLE_TRY(model.rope_factors_long, listed_factors(scaling, "long_factor", out));
  NIBBLE_TRY(model.rope_factors_short, listed_factors(scaling, "short_factor", out));
  const double ratio = double(out.context) / double(out.rope_scaling.original_context);
  const double own =
      ratio <= 1 ? 1 : std::sqrt(1 + std::log(ratio) / std::log(double(out.rope_scaling.original_context)));
  NIBBLE_TRY(out.rope_scaling.attn_factor, scaling.real("attention_factor", 1e-6, kMaxFactor, own));
  return {};
}

Status read_scaling(const HfConfig& config, const HfConfig& scaling, HfModel& model) {
  NIBBLE_TRY(std::string_view type, scaling.word("rope_type"));
  if (type.empty()) {
    NIBBLE_TRY(type, scaling.word("type"));
  }
  RopeScaling& out = model.config.rope_scaling;
  if (type.empty() || type == "default") return {};
  if (type == "linear") {
    NIBBLE_TRY(out.factor, scaling.real("factor", 1e-6, kMaxFactor));
    return {};
  }
  if (type == "llama3") {
    NIBBLE_TRY(model.rope_factors, llama3_factors(scaling, model.config));
    return {};
  }
  if (type == "yarn") return read_yarn(scaling, model.config);
  if (type == "longrope" || type == "su") return read_long(config, scaling, model);
  if (type == "dynamic") {
    model.notes.push_back(concat("rope scaling \"dynamic\" changes nothing up to ", model.config.context,
                                 " tokens, and is not applied beyond"));
    return {};
  }
  return scaling.bad(ErrorKind::kUnsupported, "rope_type", "is ", quoted(type),
                     ", known are default, linear, llama3, yarn, longrope, dynamic");
}

}  // namespace

Status read_hf_rope(const HfConfig& config, HfModel& model) {
  ModelConfig& out = model.config;
  const JsonValue parameters = config["rope_parameters"];
  const bool nested = parameters["full_attention"].is_object();
  const JsonValue global = nested ? parameters["full_attention"] : parameters;
  const HfConfig scaling = global.is_object()
                               ? HfConfig(global, concat(config.path(), ": rope_parameters"))
                               : HfConfig(config["rope_scaling"], concat(config.path(), ": rope_scaling"));
  NIBBLE_TRY(const double base, config.real("rope_theta", 1.000001, 1e12, model.hf_class->rope_base));
  NIBBLE_TRY(out.rope_base, scaling.real("rope_theta", 1.000001, 1e12, base));
  if (out.local_rope_base > 0) {
    const HfConfig local(parameters["sliding_attention"], scaling.path());
    NIBBLE_TRY(const double stated, config.real("rope_local_base_freq", 1.000001, 1e12, out.local_rope_base));
    NIBBLE_TRY(out.local_rope_base, local.real("rope_theta", 1.000001, 1e12, stated));
  }
  NIBBLE_TRY(const double outer_part, config.real("partial_rotary_factor", 0, 1, 1));
  NIBBLE_TRY(const double part, scaling.real("partial_rotary_factor", 0, 1, outer_part));
  out.rotated_dim = int(double(out.head_dim) * part);
  if (part != 1 && out.architecture->rope == RopeKind::kAdjacentPairs)
    return config.bad(ErrorKind::kUnsupported, "partial_rotary_factor", "is ", part, ", wanted 1 for ",
                      out.architecture->name);
  if (out.rotated_dim < 2 || out.rotated_dim % 2 != 0)
    return config.bad(ErrorKind::kUnsupported, "partial_rotary_factor", "is ", part, ", which rotates ",
                      out.rotated_dim, " of ", out.head_dim, " values, wanted an even number");
  return read_scaling(config, scaling, model);
}

}  // namespace nibble
