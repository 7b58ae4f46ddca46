#include "support/reference_forward.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/half.h"
#include "formats/quant_reference.h"

namespace nibble {
namespace {

using Vector = std::vector<double>;

class Reference {
 public:
  Reference(const GgufFile& file, const ModelConfig& config, const ReferenceOptions& options)
      : file_(file), config_(config), row_(*config.architecture), options_(options) {
    if (options_.context == 0) options_.context = config.context;
  }

  Vector run(std::span<const int32_t> tokens) {
    const Vector embedding = values("token_embd.weight");
    const size_t width = size_t(config_.width);
    std::vector<Vector> x;
    for (const int32_t token : tokens) {
      x.emplace_back(embedding.begin() + int64_t(size_t(token) * width),
                     embedding.begin() + int64_t(size_t(token + 1) * width));
      for (double& value : x.back()) value *= double(config_.embedding_scale);
    }
    for (size_t layer = 0; layer < config_.layers.size(); ++layer) {
      prefix_ = "blk." + std::to_string(layer) + ".";
      attention(x, config_.layers[layer]);
      feed_forward(x, config_.layers[layer]);
    }
    prefix_.clear();
    const std::string head =
        file_.find_tensor("output.weight") && !row_.always_tied ? "output" : "token_embd";
    Vector logits;
    for (const Vector& column : x) {
      Vector out = multiply(head, rms_norm(column, "output_norm"));
      if (head == "token_embd" && has("output.bias") && !row_.always_tied) add(out, values("output.bias"));
      for (double& value : out) {
        value /= double(config_.logit_scale);
        if (config_.logit_softcap > 0) value = cap(value, double(config_.logit_softcap));
      }
      logits.insert(logits.end(), out.begin(), out.end());
    }
    return logits;
  }

 private:
  static double cap(double value, double limit) { return limit * std::tanh(value / limit); }
  static void add(Vector& x, const Vector& y, double factor = 1) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += factor * y[i];
  }
  static Vector part(const Vector& x, size_t from, size_t count) {
    return Vector(x.begin() + int64_t(from), x.begin() + int64_t(from + count));
  }
  static double half(double value) { return double(half_to_float(float_to_half(float(value)))); }
  double stored(double value) const { return options_.round_kv ? half(value) : value; }

  bool has(const std::string& name) const { return file_.find_tensor(prefix_ + name) != nullptr; }
  Vector values(const std::string& name) const {
    const TensorView* tensor = file_.find_tensor(prefix_ + name);
    if (!tensor) return {};
    std::vector<float> decoded(tensor->values());
    (void)decode_reference(tensor->format->id, tensor->bytes, decoded);
    return Vector(decoded.begin(), decoded.end());
  }

  // scale * (W x) + bias
  Vector multiply(const std::string& name, const Vector& x) const {
    const Vector w = values(name + ".weight");
    Vector y(w.size() / x.size(), 0.0);
    for (size_t r = 0; r < y.size(); ++r)
      for (size_t i = 0; i < x.size(); ++i) y[r] += w[r * x.size() + i] * x[i];
    if (row_.tensor_scales && has(name + ".scale"))
      for (double& value : y) value *= values(name + ".scale")[0];
    if (has(name + ".bias")) add(y, values(name + ".bias"));
    return y;
  }

  Vector rms_norm(const Vector& x, const std::string& name) const {
    const Vector weight = values(name + ".weight");
    double mean = 0;
    for (const double value : x) mean += value * value / double(x.size());
    Vector y(x.size());
    for (size_t i = 0; i < x.size(); ++i)
      y[i] = x[i] / std::sqrt(mean + double(config_.norm_epsilon)) * weight[i];
    return y;
  }

  double frequency(int i, bool local) const {
    const int dim = config_.rotated_dim;
    double value = std::pow(local ? config_.local_rope_base : config_.rope_base, -2.0 * i / dim);
    if (local) return value;
    const RopeScaling& scaling = config_.rope_scaling;
    const bool beyond = options_.context > scaling.original_context;
    Vector factors = values_at_root("rope_freqs.weight");
    if (factors.empty())
      factors = values_at_root(beyond ? "rope_factors_long.weight" : "rope_factors_short.weight");
    if (!factors.empty()) value /= factors[size_t(i)];
    if (scaling.kind == RopeScaling::Kind::kNone) return value;
    if (scaling.kind != RopeScaling::Kind::kYarn) return value / scaling.factor;
    const auto dimension = [&](double rotations) {
      return dim * std::log(double(scaling.original_context) / (rotations * 2 * M_PI)) /
             (2 * std::log(config_.rope_base));
    };
    const double low = std::max(std::floor(dimension(scaling.beta_fast)), 0.0);
    const double high = std::min(std::ceil(dimension(scaling.beta_slow)), dim - 1.0);
    const double ramp = std::clamp((i - low) / std::max(high - low, 0.001), 0.0, 1.0);
    return value * (ramp / scaling.factor + (1 - ramp));
  }
  Vector values_at_root(const std::string& name) const {
    const TensorView* tensor = file_.find_tensor(name);
    if (!tensor) return {};
    std::vector<float> decoded(tensor->values());
    (void)decode_reference(tensor->format->id, tensor->bytes, decoded);
    return Vector(decoded.begin(), decoded.end());
  }

  void rotate(double* x, double position, bool local) const {
    const int half = config_.rotated_dim / 2;
    double magnitude = local ? 1 : config_.rope_scaling.attn_factor;
    if (!local && config_.rope_scaling.kind == RopeScaling::Kind::kYarn)
      magnitude *= 1 + 0.1 * std::log(std::max(config_.rope_scaling.factor, 1.0));
    for (int i = 0; i < half; ++i) {
      const bool pairs = row_.rope == RopeKind::kAdjacentPairs;
      double &a = x[pairs ? 2 * i : i], &b = x[pairs ? 2 * i + 1 : i + half];
      const double angle = position * frequency(i, local);
      const double turned = magnitude * (a * std::cos(angle) - b * std::sin(angle));
      b = magnitude * (b * std::cos(angle) + a * std::sin(angle));
      a = turned;
    }
  }

  void norm_and_rotate(Vector& heads, const std::string& norm, const LayerConfig& layer,
                       double position) const {
    const size_t dim = size_t(config_.head_dim);
    for (size_t h = 0; h < heads.size() / dim; ++h) {
      Vector head = part(heads, h * dim, dim);
      if (row_.qk_norm) head = rms_norm(head, norm);
      if (layer.rope) rotate(head.data(), position, layer.local_rope);
      std::ranges::copy(head, heads.begin() + int64_t(h * dim));
    }
  }

  void attention(std::vector<Vector>& x, const LayerConfig& layer) const {
    const size_t dim = size_t(config_.head_dim), q_size = size_t(layer.heads) * dim,
                 kv_size = size_t(layer.kv_heads) * dim;
    std::vector<Vector> q, k, v;
    for (size_t t = 0; t < x.size(); ++t) {
      const Vector normed = rms_norm(x[t], "attn_norm");
      if (row_.fused_qkv) {
        const Vector all = multiply("attn_qkv", normed);
        q.push_back(part(all, 0, q_size));
        k.push_back(part(all, q_size, kv_size));
        v.push_back(part(all, q_size + kv_size, kv_size));
      } else {
        q.push_back(multiply("attn_q", normed));
        k.push_back(multiply("attn_k", normed));
        v.push_back(multiply("attn_v", normed));
      }
      norm_and_rotate(q.back(), "attn_q_norm", layer, double(t));
      norm_and_rotate(k.back(), "attn_k_norm", layer, double(t));
      for (double& value : k.back()) value = stored(value);
      for (double& value : v.back()) value = stored(value);
    }
    for (size_t t = 0; t < x.size(); ++t) {
      Vector out(q_size, 0.0);
      for (size_t h = 0; h < size_t(layer.heads); ++h) attend(q[t], k, v, t, h, layer, &out[h * dim]);
      if (row_.sub_norms) out = rms_norm(out, "attn_sub_norm");
      out = multiply("attn_output", out);
      if (row_.post_norms) out = rms_norm(out, "post_attention_norm");
      add(x[t], out, double(config_.residual_scale));
    }
  }

  void attend(const Vector& q, const std::vector<Vector>& k, const std::vector<Vector>& v, size_t t,
              size_t head, const LayerConfig& layer, double* out) const {
    const size_t dim = size_t(config_.head_dim), kv = head / size_t(layer.heads / layer.kv_heads) * dim;
    Vector weights(t + 1, 0.0);
    double total = 0;
    for (size_t p = 0; p <= t; ++p) {
      if (layer.window > 0 && int64_t(t - p) >= layer.window) continue;
      double score = 0;
      for (size_t d = 0; d < dim; ++d) score += q[head * dim + d] * k[p][kv + d];
      score *= double(config_.attention_scale);
      if (config_.attention_softcap > 0) score = cap(score, double(config_.attention_softcap));
      total += weights[p] = std::exp(score);
    }
    for (size_t p = 0; p <= t; ++p)
      for (size_t d = 0; d < dim; ++d) out[d] += weights[p] / total * v[p][kv + d];
  }

  static double gelu(double x) {
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }

  double activate(double value) const {
    switch (row_.activation) {
      case Activation::kSilu:
        return value / (1 + std::exp(-value));
      case Activation::kGelu:
        return options_.half_gelu ? half(gelu(half(value))) : gelu(value);
      case Activation::kReluSquared:
        break;
    }
    return value > 0 ? value * value : 0;
  }

  void feed_forward(std::vector<Vector>& x, const LayerConfig& layer) const {
    const size_t ffn = size_t(layer.ffn_length);
    for (Vector& column : x) {
      const Vector normed = rms_norm(column, "ffn_norm");
      const Vector up_tensor = multiply("ffn_up", normed);
      Vector gate = row_.fused_gate_up ? part(up_tensor, 0, ffn) : multiply("ffn_gate", normed);
      const Vector up = row_.fused_gate_up ? part(up_tensor, ffn, ffn) : up_tensor;
      for (size_t i = 0; i < ffn; ++i) gate[i] = activate(gate[i]) * up[i];
      if (row_.sub_norms) gate = rms_norm(gate, "ffn_sub_norm");
      Vector out = multiply("ffn_down", gate);
      if (row_.post_norms) out = rms_norm(out, "post_ffw_norm");
      add(column, out, double(config_.residual_scale));
    }
  }

  const GgufFile& file_;
  const ModelConfig& config_;
  const Architecture& row_;
  ReferenceOptions options_;
  std::string prefix_;
};

}  // namespace

std::vector<double> reference_logits(const GgufFile& file, const ModelConfig& config,
                                     std::span<const int32_t> tokens, const ReferenceOptions& options) {
  return Reference(file, config, options).run(tokens);
}

double normalized_error(std::span<const float> found, std::span<const double> wanted) {
  double error = 0, power = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    error += (double(found[i]) - wanted[i]) * (double(found[i]) - wanted[i]);
    power += wanted[i] * wanted[i];
  }
  return error / power;
}

}  // namespace nibble
