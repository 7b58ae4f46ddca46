#include "transform/hf_tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "base/half.h"
#include "base/quote.h"
#include "model/weights.h"
#include "transform/encode.h"

namespace nibble {
namespace {

// A module of a layer in the library and the tensor of a GGUF file that holds its weight or bias.
struct LayerName {
  std::string_view hf, gguf;
  enum class When : uint8_t { kAlways, kPostNorms, kNoPostNorms } when = When::kAlways;
};
constexpr LayerName kLayerNames[] = {
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.attn_sub_norm", "attn_sub_norm"},
    {"self_attn.inner_attn_ln", "attn_sub_norm"},
    {"post_attention_layernorm", "ffn_norm", LayerName::When::kNoPostNorms},
    {"post_attention_layernorm", "post_attention_norm", LayerName::When::kPostNorms},
    {"pre_feedforward_layernorm", "ffn_norm", LayerName::When::kPostNorms},
    {"post_feedforward_layernorm", "post_ffw_norm", LayerName::When::kPostNorms},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.gate_up_proj", "ffn_up"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"mlp.ffn_sub_norm", "ffn_sub_norm"},
    {"mlp.ffn_layernorm", "ffn_sub_norm"},
};
struct PlainName {
  std::string_view hf, gguf;
};
constexpr PlainName kPlainNames[] = {{"model.embed_tokens.weight", "token_embd.weight"},
                                     {"model.norm.weight", "output_norm.weight"},
                                     {"lm_head.weight", "output.weight"},
                                     {"lm_head.bias", "output.bias"}};
constexpr std::string_view kLayers = "model.layers.";

// Where the language model's tensors are inside a larger model.
constexpr PlainName kTextPrefixes[] = {{"language_model.model.", "model."},
                                       {"model.language_model.", "model."},
                                       {"language_model.lm_head.", "lm_head."}};
constexpr std::string_view kOtherParts[] = {"vision_tower.", "multi_modal_projector.", "model.vision_tower.",
                                            "model.multi_modal_projector."};
// Buffers that the library recomputes.
constexpr std::string_view kIgnored[] = {".rotary_emb.inv_freq", ".rotary_emb.cos_cached",
                                         ".rotary_emb.sin_cached", ".masked_bias"};

bool applies(const LayerName& name, const Architecture& row) {
  return name.when == LayerName::When::kAlways ||
         (name.when == LayerName::When::kPostNorms) == row.post_norms;
}

// The GGUF name of a tensor of the library; empty where there is none.
std::string gguf_name(std::string_view hf, const Architecture& row) {
  for (const PlainName& plain : kPlainNames)
    if (plain.hf == hf) return std::string(plain.gguf);
  if (!hf.starts_with(kLayers)) return {};
  hf.remove_prefix(kLayers.size());
  const size_t dot = hf.find('.'), last = hf.rfind('.');
  const std::string_view number = hf.substr(0, dot);
  if (dot == hf.npos || dot == last || number.empty() ||
      number.find_first_not_of("0123456789") != number.npos)
    return {};
  const std::string_view module = hf.substr(dot + 1, last - dot - 1), part = hf.substr(last);
  if (part != ".weight" && part != ".bias") return {};
  for (const LayerName& name : kLayerNames)
    if (name.hf == module && applies(name, row)) return concat("blk.", number, ".", name.gguf, part);
  return {};
}

// The library's name of a tensor of a GGUF file, for messages.
std::string hf_name(std::string_view gguf, const Architecture& row) {
  for (const PlainName& plain : kPlainNames)
    if (plain.gguf == gguf) return std::string(plain.hf);
  const size_t dot = gguf.find('.', 4), last = gguf.rfind('.');
  if (!gguf.starts_with("blk.") || dot == gguf.npos || dot >= last) return std::string(gguf);
  const std::string_view number = gguf.substr(4, dot - 4), module = gguf.substr(dot + 1, last - dot - 1);
  for (const LayerName& name : kLayerNames)
    if (name.gguf == module && applies(name, row) &&
        (module != "ffn_up" || row.fused_gate_up == (name.hf == "mlp.gate_up_proj")))
      return concat(kLayers, number, ".", name.hf, gguf.substr(last));
  return std::string(gguf);
}

std::string shape_text(std::span<const uint64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += concat(i ? ", " : "", shape[i]);
  return text + "]";
}

class TensorPlanner {
 public:
  TensorPlanner(const HfCheckpoint& checkpoint, HfModel& model, const Format* matrices)
      : checkpoint_(checkpoint), model_(model), row_(*model.config.architecture), matrices_(matrices) {}

  Result<std::vector<ConvertedTensor>> plan() {
    NIBBLE_CHECK_OK(name_tensors());
    std::vector<ConvertedTensor> tensors;
    for (const TensorSpec& spec : expected_tensors(model_.config)) {
      if (spec.kind == TensorKind::kRopeFactors) {
        NIBBLE_CHECK_OK(add_computed(spec, tensors));
        continue;
      }
      if (spec.kind == TensorKind::kScale) continue;  // the library has none: values carry the scale
      NIBBLE_CHECK_OK(add(spec, tensors));
    }
    // What no part of the model is made of.
    if (!sources_.empty()) return not_understood(sources_.begin()->second->tensor->name);
    return tensors;
  }

 private:
  std::unexpected<Error> not_understood(std::string_view name) const {
    return fail(ErrorKind::kUnsupported, checkpoint_.find(name)->file->path(), ": tensor ", quoted(name),
                " of shape ", shape_text(checkpoint_.find(name)->tensor->shape), " is no part of a ",
                model_.hf_class->name, " that nibble knows");
  }

  Status name_tensors() {
    uint64_t skipped = 0;
    for (const HfCheckpoint::Entry& entry : checkpoint_.tensors()) {
      std::string name = entry.tensor->name;
      const auto ends = [&](std::string_view part) { return name.ends_with(part); };
      const auto starts = [&](std::string_view part) { return name.starts_with(part); };
      if (std::ranges::any_of(kIgnored, ends)) continue;
      if (model_.hf_class->text_part) {
        if (std::ranges::any_of(kOtherParts, starts)) {
          ++skipped;
          continue;
        }
        for (const PlainName& prefix : kTextPrefixes)
          if (name.starts_with(prefix.hf)) {
            name.replace(0, prefix.hf.size(), prefix.gguf);
            break;
          }
      }
      if (model_.tied && name == "lm_head.weight") continue;  // the library too uses the embedding
      const std::string gguf = gguf_name(name, row_);
      if (gguf.empty()) return not_understood(entry.tensor->name);
      const auto [at, fresh] = sources_.emplace(gguf, &entry);
      if (!fresh)
        return fail(ErrorKind::kBadFile, checkpoint_.directory(), ": tensors ",
                    quoted(at->second->tensor->name), " and ", quoted(entry.tensor->name), " are both ",
                    gguf);
    }
    if (skipped > 0)
      model_.notes.push_back(
          concat(skipped, " tensors of the vision part are left out: the text part is converted"));
    return {};
  }

  Status add_computed(const TensorSpec& spec, std::vector<ConvertedTensor>& tensors) const {
    const std::vector<float>& values = spec.name == "rope_freqs.weight"          ? model_.rope_factors
                                       : spec.name == "rope_factors_long.weight" ? model_.rope_factors_long
                                                                                 : model_.rope_factors_short;
    if (values.empty()) return {};
    ConvertedTensor tensor;
    tensor.name = spec.name;
    tensor.dims = spec.dims;
    tensor.computed = values;
    tensor.format = &format_of(FormatId::kF32);
    NIBBLE_TRY(tensor.bytes, format_bytes(*tensor.format, values.size()));
    tensors.push_back(std::move(tensor));
    return {};
  }

  Status add(const TensorSpec& spec, std::vector<ConvertedTensor>& tensors) {
    const std::vector<uint64_t> wanted(spec.dims.rbegin(), spec.dims.rend());  // the library's order
    const auto found = sources_.find(spec.name);
    if (found == sources_.end()) {
      const bool untied_head = spec.name == "output.weight" && !model_.tied;
      if (spec.presence == Presence::kOptional && !untied_head) return {};
      return fail(ErrorKind::kBadFile, checkpoint_.directory(), ": tensor ", quoted(hf_name(spec.name, row_)),
                  " of shape ", shape_text(wanted), " is missing");
    }
    const auto [source, file] = *found->second;
    if (!std::ranges::equal(source->shape, wanted))
      return fail(ErrorKind::kBadFile, file->path(), ": tensor ", quoted(source->name), " has shape ",
                  shape_text(source->shape), ", wanted ", shape_text(wanted));
    if (!source->type->format)
      return fail(ErrorKind::kUnsupported, file->path(), ": tensor ", quoted(source->name), " is stored as ",
                  source->type->name, ", wanted F32, F16 or BF16");
    ConvertedTensor tensor;
    tensor.name = spec.name;
    tensor.dims = spec.dims;
    tensor.source = source, tensor.file = file;
    const bool matrix = spec.dims.size() > 1;
    tensor.format = !matrix     ? &format_of(FormatId::kF32)
                    : matrices_ ? matrices_
                                : &format_of(*source->type->format);
    NIBBLE_TRY(tensor.bytes, format_bytes(*tensor.format, tensor.values()));
    if (spec.kind == TensorKind::kNorm && model_.hf_class->norms_from_one) tensor.offset = 1;
    tensor.ternary =
        model_.hf_class->ternary && spec.kind == TensorKind::kMatrix && spec.name != "output.weight";
    if (row_.rope == RopeKind::kAdjacentPairs) {
      const LayerConfig& layer = model_.config.layers[0];
      const std::string_view name = spec.name;
      if (name.find(".attn_q.") != name.npos) tensor.pair_heads = uint64_t(layer.heads);
      if (name.find(".attn_k.") != name.npos) tensor.pair_heads = uint64_t(layer.kv_heads);
    }
    tensors.push_back(std::move(tensor));
    sources_.erase(found);
    return {};
  }

  const HfCheckpoint& checkpoint_;
  HfModel& model_;
  const Architecture& row_;
  const Format* matrices_;
  std::map<std::string, const HfCheckpoint::Entry*, std::less<>>
      sources_;  // by GGUF name; taken out when used
};

// `at`: index of the first value. The bytes need not be aligned.
void decode(const SafetensorsTensor& source, uint64_t at, std::span<float> values) {
  const std::byte* bytes = source.bytes.data() + at * source.type->bytes;
  const auto each = [&](auto number, auto to_float) {
    for (size_t i = 0; i < values.size(); ++i) {
      std::memcpy(&number, bytes + i * sizeof number, sizeof number);
      values[i] = to_float(number);
    }
  };
  switch (*source.type->format) {
    case FormatId::kF16:
      return each(uint16_t{}, [](uint16_t half) { return half_to_float(half); });
    case FormatId::kBF16:
      return each(uint16_t{}, [](uint16_t half) { return bfloat16_to_float(half); });
    default:
      return each(float{}, [](float value) { return value; });
  }
}

// Mean magnitude of the whole tensor, as BitNet's quantizer takes it, with its floor.
float mean_magnitude(const SafetensorsTensor& source) {
  constexpr uint64_t kStep = 1 << 16;
  std::vector<float> values;
  double sum = 0;
  for (uint64_t at = 0; at < source.values(); at += kStep) {
    values.resize(size_t(std::min(kStep, source.values() - at)));
    decode(source, at, values);
    for (const float value : values)
      if (std::isfinite(value)) sum += std::abs(double(value));  // others are refused or become zeros
  }
  return std::max(1e-5f, float(sum / double(source.values())));
}

}  // namespace

uint64_t ConvertedTensor::rows() const {
  uint64_t rows = 1;
  for (size_t i = 1; i < dims.size(); ++i) rows *= dims[i];
  return rows;
}

Result<std::vector<ConvertedTensor>> plan_hf_tensors(const HfCheckpoint& checkpoint, HfModel& model,
                                                     const Format* matrices) {
  return TensorPlanner(checkpoint, model, matrices).plan();
}

TensorRows::TensorRows(const ConvertedTensor& tensor, bool allow_non_finite)
    : tensor_(tensor), allow_non_finite_(allow_non_finite) {
  if (tensor.ternary) magnitude_ = mean_magnitude(*tensor.source);
}

bool TensorRows::verbatim() const {
  return tensor_.source && !tensor_.ternary && tensor_.offset == 0 && tensor_.pair_heads == 0 &&
         tensor_.format->id == *tensor_.source->type->format;
}

Result<uint64_t> TensorRows::read(uint64_t first_row, std::span<float> values) const {
  const uint64_t length = tensor_.pair_heads > 0 && tensor_.dims.size() == 1 ? 1 : tensor_.dims[0];
  if (!tensor_.source) {
    std::copy_n(tensor_.computed.begin() + ptrdiff_t(first_row * length), values.size(), values.begin());
    return 0;
  }
  if (tensor_.pair_heads == 0) {
    decode(*tensor_.source, first_row * length, values);
  } else {
    // Row (head, pair, half) of the output is row (head, half, pair) of the input. A bias is rows of one
    // value.
    const uint64_t first = tensor_.dims.size() == 1 ? first_row * tensor_.dims[0] : first_row;
    const uint64_t head_dim = tensor_.source->values() / length / tensor_.pair_heads;
    for (uint64_t i = 0; i < values.size() / length; ++i) {
      const uint64_t row = first + i, head = row / head_dim, pair = row % head_dim / 2, half = row % 2;
      decode(*tensor_.source, (head * head_dim + half * (head_dim / 2) + pair) * length,
             values.subspan(i * length, length));
    }
  }
  uint64_t zeroed = 0;
  while (const auto bad = find_not_finite(values)) {
    if (!allow_non_finite_)
      return fail(ErrorKind::kBadFile, tensor_.file->path(), ": tensor ", quoted(tensor_.source->name),
                  " has the value ", values[*bad], " in row ", first_row + *bad / tensor_.dims[0], ", column ",
                  *bad % tensor_.dims[0],
                  " of its GGUF form; wanted finite weights (--allow-non-finite makes them zeros)");
    for (float& value : values.subspan(*bad))
      if (!std::isfinite(value)) value = 0, ++zeroed;
  }
  for (float& value : values) {
    if (tensor_.ternary) value = std::clamp(std::nearbyint(value / magnitude_), -1.0f, 1.0f) * magnitude_;
    value += tensor_.offset;
  }
  return zeroed;
}

}  // namespace nibble
