#include "model/weights.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/quote.h"
#include "kernels/drive.h"

namespace nibble {
namespace {

constexpr std::string_view kTokenEmbedding = "token_embd.weight", kOutputNorm = "output_norm.weight",
                           kOutput = "output", kRopeFactors = "rope_freqs.weight",
                           kRopeFactorsLong = "rope_factors_long.weight",
                           kRopeFactorsShort = "rope_factors_short.weight", kAttnQkv = "attn_qkv",
                           kWeight = ".weight", kBias = ".bias", kScale = ".scale";

std::string in_layer(size_t layer, std::string_view name) { return concat("blk.", layer, ".", name); }

// Norms of a layer: name, where it goes, which rows have it, and its length.
struct NormName {
  std::string_view name;
  std::vector<float> LayerWeights::*slot;
  bool Architecture::*only_if;  // null: every row
  enum class Length : uint8_t { kWidth, kHead, kHeads, kFfn } length;
};
constexpr NormName kNorms[] = {
    {"attn_norm", &LayerWeights::attn_norm, nullptr, NormName::Length::kWidth},
    {"attn_q_norm", &LayerWeights::attn_q_norm, &Architecture::qk_norm, NormName::Length::kHead},
    {"attn_k_norm", &LayerWeights::attn_k_norm, &Architecture::qk_norm, NormName::Length::kHead},
    {"attn_sub_norm", &LayerWeights::attn_sub_norm, &Architecture::sub_norms, NormName::Length::kHeads},
    {"post_attention_norm", &LayerWeights::attn_post_norm, &Architecture::post_norms,
     NormName::Length::kWidth},
    {"ffn_norm", &LayerWeights::ffn_norm, nullptr, NormName::Length::kWidth},
    {"ffn_sub_norm", &LayerWeights::ffn_sub_norm, &Architecture::sub_norms, NormName::Length::kFfn},
    {"post_ffw_norm", &LayerWeights::ffn_post_norm, &Architecture::post_norms, NormName::Length::kWidth},
};

uint64_t norm_length(const NormName& norm, const ModelConfig& config, const LayerConfig& layer) {
  switch (norm.length) {
    case NormName::Length::kHead:
      return uint64_t(config.head_dim);
    case NormName::Length::kHeads:
      return uint64_t(layer.heads) * uint64_t(config.head_dim);
    case NormName::Length::kFfn:
      return uint64_t(layer.ffn_length);
    case NormName::Length::kWidth:
      break;
  }
  return uint64_t(config.width);
}

bool has_norm(const NormName& norm, const Architecture& row) { return !norm.only_if || row.*norm.only_if; }

// A tensor of a layer and the Linears whose rows it holds, in order (several when fused).
struct MatrixPart {
  Linear LayerWeights::*slot;
  uint64_t rows;
};
struct MatrixName {
  std::string_view name;
  uint64_t row_length;
  std::vector<MatrixPart> parts;
  ActivationRole role;
  bool usual_bias;
  uint64_t rows() const {
    uint64_t sum = 0;
    for (const MatrixPart& part : parts) sum += part.rows;
    return sum;
  }
};

std::vector<MatrixName> layer_matrices(const ModelConfig& config, const LayerConfig& layer) {
  const Architecture& row = *config.architecture;
  const uint64_t width = uint64_t(config.width), ffn = uint64_t(layer.ffn_length);
  const uint64_t q = uint64_t(layer.heads) * uint64_t(config.head_dim);
  const uint64_t kv = uint64_t(layer.kv_heads) * uint64_t(config.head_dim);
  const MatrixPart q_part{&LayerWeights::attn_q, q}, k_part{&LayerWeights::attn_k, kv},
      v_part{&LayerWeights::attn_v, kv}, gate_part{&LayerWeights::ffn_gate, ffn},
      up_part{&LayerWeights::ffn_up, ffn};
  std::vector<MatrixName> matrices;
  using enum ActivationRole;
  if (row.fused_qkv) {
    matrices.push_back({kAttnQkv, width, {q_part, k_part, v_part}, kAttentionInput, row.qkv_bias});
  } else {
    matrices.push_back({"attn_q", width, {q_part}, kAttentionInput, row.qkv_bias});
    matrices.push_back({"attn_k", width, {k_part}, kAttentionInput, row.qkv_bias});
    matrices.push_back({"attn_v", width, {v_part}, kAttentionInput, row.qkv_bias});
  }
  matrices.push_back({"attn_output", q, {{&LayerWeights::attn_output, width}}, kAttentionOutput, false});
  if (row.fused_gate_up) {
    matrices.push_back({"ffn_up", width, {gate_part, up_part}, kFfnInput, false});
  } else {
    matrices.push_back({"ffn_gate", width, {gate_part}, kFfnInput, false});
    matrices.push_back({"ffn_up", width, {up_part}, kFfnInput, false});
  }
  matrices.push_back({"ffn_down", ffn, {{&LayerWeights::ffn_down, width}}, kFfnDown, false});
  return matrices;
}

std::string dims_text(std::span<const uint64_t> dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += concat(i ? ", " : "", dims[i]);
  return text + "]";
}

// Finds and checks the tensors of one file.
class Loader {
 public:
  Loader(const GgufFile& file, const KernelTable& kernels) : file_(file), kernels_(kernels) {}

  template <class... Parts>
  std::unexpected<Error> bad(ErrorKind kind, const TensorView& tensor, const Parts&... parts) const {
    return fail(kind, file_.path(), ": tensor ", quoted(tensor.name), " ", parts...);
  }

  // Null when an optional tensor is absent.
  Result<const TensorView*> find(const TensorSpec& spec) const {
    const TensorView* tensor = file_.find_tensor(spec.name);
    if (!tensor) {
      if (spec.presence != Presence::kRequired) return nullptr;
      return fail(ErrorKind::kBadFile, file_.path(), ": tensor ", spec.name, " of shape ",
                  dims_text(spec.dims), " is missing");
    }
    bool same = true;  // trailing dimensions of 1 do not matter
    for (size_t i = 0; i < 4; ++i)
      same = same && tensor->dims[i] == (i < spec.dims.size() ? spec.dims[i] : 1);
    if (!same)
      return bad(ErrorKind::kBadFile, *tensor, "has shape ", dims_text({tensor->dims, size_t(tensor->rank)}),
                 ", wanted ", dims_text(spec.dims));
    return tensor;
  }

  Result<TensorView> matrix(const TensorView& tensor) const {
    const int index = format_index(tensor.format->id);
    if (!tensor.format->stores_weights || index < 0 || !kernels_.matmul[index])
      return bad(ErrorKind::kUnsupported, tensor, "is stored as ", tensor.format->name,
                 ", for which there is no matrix kernel");
    return tensor;
  }

  // A vector of any format as floats; all finite.
  Result<std::vector<float>> floats(const TensorView& tensor) const {
    std::vector<float> values(tensor.values());
    if (tensor.format->id != FormatId::kF32 && tensor.format->id != FormatId::kF16 &&
        tensor.format->id != FormatId::kBF16)
      return bad(ErrorKind::kUnsupported, tensor, "is stored as ", tensor.format->name,
                 ", wanted F32, F16 or BF16");
    Driver::decode_row(tensor, 0, values.data());
    for (size_t i = 0; i < values.size(); ++i)
      if (!std::isfinite(values[i]))
        return bad(ErrorKind::kBadFile, tensor, "has value ", values[i], " at ", i);
    return values;
  }

  // Floats of a spec; empty when it is optional and absent.
  Result<std::vector<float>> vector(const TensorSpec& spec) const {
    NIBBLE_TRY(const TensorView* tensor, find(spec));
    if (!tensor) return std::vector<float>();
    return floats(*tensor);
  }

  Result<std::vector<float>> rope_factors(const TensorSpec& spec) const {
    NIBBLE_TRY(std::vector<float> factors, vector(spec));
    for (const float factor : factors)
      if (!(factor >= 1e-6f && factor <= 1e9f))
        return fail(ErrorKind::kBadFile, file_.path(), ": tensor ", spec.name, " has value ", factor,
                    ", wanted 1e-6 to 1e9");
    return factors;
  }

  Status layer_matrix(const MatrixName& matrix_name, const ModelConfig& config, size_t layer,
                      LayerWeights& out) const;

 private:
  const GgufFile& file_;
  const KernelTable& kernels_;
};

TensorSpec norm_spec(const NormName& norm, const ModelConfig& config, size_t layer) {
  return {in_layer(layer, concat(norm.name, kWeight)),
          {norm_length(norm, config, config.layers[layer])},
          TensorKind::kNorm,
          Presence::kRequired};
}
TensorSpec matrix_spec(const MatrixName& matrix, size_t layer) {
  return {in_layer(layer, concat(matrix.name, kWeight)),
          {matrix.row_length, matrix.rows()},
          TensorKind::kMatrix,
          Presence::kRequired};
}
TensorSpec bias_spec(const MatrixName& matrix, size_t layer) {
  return {in_layer(layer, concat(matrix.name, kBias)),
          {matrix.rows()},
          TensorKind::kBias,
          matrix.usual_bias ? Presence::kUsual : Presence::kOptional};
}
TensorSpec scale_spec(const MatrixName& matrix, size_t layer) {
  return {in_layer(layer, concat(matrix.name, kScale)), {1}, TensorKind::kScale, Presence::kUsual};
}
TensorSpec embedding_spec(const ModelConfig& config) {
  return {std::string(kTokenEmbedding),
          {uint64_t(config.width), uint64_t(config.vocabulary)},
          TensorKind::kEmbedding,
          Presence::kRequired};
}
TensorSpec output_norm_spec(const ModelConfig& config) {
  return {std::string(kOutputNorm), {uint64_t(config.width)}, TensorKind::kNorm, Presence::kRequired};
}
TensorSpec output_spec(const ModelConfig& config) {
  return {concat(kOutput, kWeight),
          {uint64_t(config.width), uint64_t(config.vocabulary)},
          TensorKind::kMatrix,
          Presence::kOptional};
}
TensorSpec output_bias_spec(const ModelConfig& config) {
  return {concat(kOutput, kBias), {uint64_t(config.vocabulary)}, TensorKind::kBias, Presence::kOptional};
}
TensorSpec factors_spec(const ModelConfig& config, std::string_view name, bool usual) {
  return {std::string(name),
          {uint64_t(config.rotated_dim / 2)},
          TensorKind::kRopeFactors,
          usual ? Presence::kUsual : Presence::kOptional};
}

Status Loader::layer_matrix(const MatrixName& name, const ModelConfig& config, size_t layer,
                            LayerWeights& out) const {
  NIBBLE_TRY(const TensorView* tensor, find(matrix_spec(name, layer)));
  NIBBLE_TRY(const TensorView whole, matrix(*tensor));
  NIBBLE_TRY(const std::vector<float> bias, vector(bias_spec(name, layer)));
  float scale = 1;
  if (config.architecture->tensor_scales) {
    NIBBLE_TRY(const std::vector<float> scales, vector(scale_spec(name, layer)));
    if (!scales.empty()) scale = scales[0];
  }
  if (name.parts.size() > 1 && whole.format->tensor_trailer_bytes > 0)
    return bad(ErrorKind::kUnsupported, whole, "is fused and stored as ", whole.format->name,
               ", whose scale belongs to a whole tensor");
  uint64_t row = 0;
  for (const MatrixPart& part : name.parts) {
    Linear& linear = out.*part.slot;
    linear.view = whole;
    linear.scale = scale;
    if (name.parts.size() > 1) {
      linear.view.rank = 2;
      linear.view.dims[1] = part.rows;
      linear.view.bytes = whole.bytes.subspan(row * whole.row_bytes(), part.rows * whole.row_bytes());
    }
    if (!bias.empty())
      linear.bias.assign(bias.begin() + int64_t(row), bias.begin() + int64_t(row + part.rows));
    row += part.rows;
  }
  return {};
}

}  // namespace

std::vector<TensorSpec> expected_tensors(const ModelConfig& config) {
  const Architecture& row = *config.architecture;
  const bool long_rope = row.long_short_rope || config.rope_scaling.kind == RopeScaling::Kind::kLong;
  std::vector<TensorSpec> specs = {embedding_spec(config), output_norm_spec(config)};
  if (!row.always_tied) {
    specs.push_back(output_spec(config));
    specs.push_back(output_bias_spec(config));
  }
  if (row.rope != RopeKind::kNone) {
    if (!long_rope) specs.push_back(factors_spec(config, kRopeFactors, false));
    specs.push_back(factors_spec(config, kRopeFactorsLong, long_rope));
    specs.push_back(factors_spec(config, kRopeFactorsShort, long_rope));
  }
  for (size_t layer = 0; layer < config.layers.size(); ++layer) {
    for (const NormName& norm : kNorms)
      if (has_norm(norm, row)) specs.push_back(norm_spec(norm, config, layer));
    for (const MatrixName& matrix : layer_matrices(config, config.layers[layer])) {
      specs.push_back(matrix_spec(matrix, layer));
      specs.push_back(bias_spec(matrix, layer));
      if (row.tensor_scales) specs.push_back(scale_spec(matrix, layer));
    }
  }
  return specs;
}

std::vector<std::string> unused_tensors(const GgufFile& file, const ModelConfig& config) {
  std::set<std::string, std::less<>> expected;
  for (TensorSpec& spec : expected_tensors(config)) expected.insert(std::move(spec.name));
  std::vector<std::string> unused;
  for (const TensorView& tensor : file.tensors())
    if (!expected.contains(tensor.name)) unused.push_back(tensor.name);
  return unused;
}

Result<ModelWeights> load_weights(const GgufFile& file, const ModelConfig& config,
                                  const KernelTable& kernels) {
  const Loader loader(file, kernels);
  const Architecture& row = *config.architecture;
  ModelWeights weights;
  NIBBLE_TRY(const TensorView* embedding, loader.find(embedding_spec(config)));
  NIBBLE_TRY(weights.token_embedding, loader.matrix(*embedding));
  if (embedding->format->tensor_trailer_bytes > 0)
    return loader.bad(ErrorKind::kUnsupported, *embedding, "is stored as ", embedding->format->name,
                      ", which has no rows of its own to look up");
  NIBBLE_TRY(weights.output_norm, loader.vector(output_norm_spec(config)));
  const TensorView* output = nullptr;
  if (!row.always_tied) {
    NIBBLE_TRY(output, loader.find(output_spec(config)));
    NIBBLE_TRY(weights.output.bias, loader.vector(output_bias_spec(config)));
  }
  weights.tied = !output;
  NIBBLE_TRY(weights.output.view, loader.matrix(output ? *output : *embedding));
  for (const TensorSpec& spec : expected_tensors(config)) {
    if (spec.kind != TensorKind::kRopeFactors) continue;
    NIBBLE_TRY((spec.name == kRopeFactors       ? weights.rope_factors
                : spec.name == kRopeFactorsLong ? weights.rope_factors_long
                                                : weights.rope_factors_short),
               loader.rope_factors(spec));
  }
  weights.layers.resize(config.layers.size());
  for (size_t i = 0; i < config.layers.size(); ++i) {
    LayerWeights& layer = weights.layers[i];
    for (const NormName& norm : kNorms) {
      if (!has_norm(norm, row)) continue;
      NIBBLE_TRY(layer.*norm.slot, loader.vector(norm_spec(norm, config, i)));
    }
    for (const MatrixName& matrix : layer_matrices(config, config.layers[i]))
      NIBBLE_CHECK_OK(loader.layer_matrix(matrix, config, i, layer));
  }
  return weights;
}

std::vector<std::string> tensors_reading(const ModelConfig& config, int layer, ActivationRole role) {
  if (role == ActivationRole::kOutput) return {concat(kOutput, kWeight), std::string(kTokenEmbedding)};
  std::vector<std::string> names;
  for (const MatrixName& matrix : layer_matrices(config, config.layers[size_t(layer)]))
    if (matrix.role == role) names.push_back(in_layer(size_t(layer), concat(matrix.name, kWeight)));
  return names;
}

}  // namespace nibble
