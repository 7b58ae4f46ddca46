// The forward pass. Tokens of all spans are the columns of one step: matrices multiply all columns at once,
// attention runs span by span, everything else token by token. No result depends on what else is in the step.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>

#include "model/model.h"

namespace nibble {
namespace {

constexpr double kNsPerValue = 0.3;  // of elementwise work, to decide whether workers are worth waking
constexpr double kNsPerRopePair = 25;
constexpr int64_t kLogitGrain = 4096;

}  // namespace

class ForwardPass {
 public:
  ForwardPass(const Model& model, Workspace& workspace, std::span<const Span> spans,
              ActivationObserver* observer)
      : model_(model),
        config_(model.config_),
        ws_(workspace),
        driver_(workspace.driver_),
        kernel_(workspace.driver_.table()),
        spans_(spans),
        observer_(observer) {}

  Status run(std::span<float> outputs) {
    NIBBLE_CHECK_OK(check(outputs.size()));
    NIBBLE_CHECK_OK(reserve());
    embed();
    rotate_positions();
    for (int layer = 0; layer < int(config_.layers.size()); ++layer) {
      attention_block(layer);
      if (columns_ == 0) break;  // only the KV cache was wanted
      ffn_block(layer);
    }
    NIBBLE_CHECK_OK(write_outputs(outputs.data()));
    for (const Span& span : spans_) span.sequence->extend(span.first_position + int64_t(span.tokens.size()));
    return {};
  }

 private:
  struct Product {
    const Linear& linear;
    float* out;  // (columns, rows)
  };

  Status check(size_t output_size) const;
  Status check_span(const Span& span) const;
  Status reserve();
  void embed();
  void rotate_positions();
  void attention_block(int layer);
  void rotate_and_store(int layer);
  void attend(int layer);
  void ffn_block(int layer);
  void keep_wanted();
  void multiply(std::initializer_list<Product> products, const float* x, int64_t length, int layer,
                ActivationRole role);
  void normalize(float* out, const float* x, const std::vector<float>& weight);
  void join_residual(float* delta, const std::vector<float>& post_norm);
  Status write_outputs(float* outputs);
  void write_logits(const float* normed, int64_t columns, float* out);

  // body(column) for every column, on all threads when that pays.
  template <class Body>
  void for_columns(double cost_ns, const Body& body) {
    driver_.parallel_for(columns_, 1, cost_ns, [&](int64_t begin, int64_t end) {
      for (int64_t column = begin; column < end; ++column) body(column);
    });
  }
  float* buffer(AlignedBuffer& memory, int64_t row) { return memory.get<float>(size_t(columns_ * row)); }
  // cos of a column's position, sin after it.
  const float* rotation(int64_t column, bool local) const {
    return (local ? local_rope_ : rope_) + column * 2 * (config_.rotated_dim / 2);
  }

  const Model& model_;
  const ModelConfig& config_;
  Workspace& ws_;
  Driver& driver_;
  const KernelTable& kernel_;
  std::span<const Span> spans_;
  ActivationObserver* observer_;
  int64_t columns_ = 0;
  float *residual_ = nullptr, *normed_ = nullptr, *projected_ = nullptr;  // (columns, width)
  float *rope_ = nullptr, *local_rope_ = nullptr;                         // (columns, 2, rotated_dim / 2)
  float *q_ = nullptr, *k_ = nullptr, *v_ = nullptr, *heads_ = nullptr;   // (columns, heads * head_dim)
};

Status ForwardPass::check_span(const Span& span) const {
  const int64_t count = int64_t(span.tokens.size());
  if (!(span.sequence->layout() == model_.kv_layout_))
    return fail(ErrorKind::kInvalidArgument, "a span's sequence belongs to the KV pool of another model");
  if (count == 0) return fail(ErrorKind::kInvalidArgument, "a span has no tokens");
  if (span.first_position != span.sequence->length())
    return fail(ErrorKind::kInvalidArgument, "a span starts at position ", span.first_position,
                ", its sequence holds ", span.sequence->length());
  if (count > model_.context_ - span.first_position)
    return fail(ErrorKind::kLimit, "position ", span.first_position + count - 1,
                " is outside the context of ", model_.context_);
  for (const int32_t token : span.tokens)
    if (token < 0 || token >= config_.vocabulary)
      return fail(ErrorKind::kInvalidArgument, "token id ", token, ", wanted 0 to ", config_.vocabulary - 1);
  return {};
}

Status ForwardPass::check(size_t output_size) const {
  int64_t tokens = 0, outputs = 0;
  for (size_t i = 0; i < spans_.size(); ++i) {
    NIBBLE_CHECK_OK(check_span(spans_[i]));
    for (size_t j = 0; j < i; ++j)
      if (spans_[j].sequence == spans_[i].sequence)
        return fail(ErrorKind::kInvalidArgument, "two spans of one pass have the same sequence");
    tokens += int64_t(spans_[i].tokens.size());
    outputs += model_.output_floats(spans_[i]);
  }
  if (tokens > kMaxStepTokens)
    return fail(ErrorKind::kLimit, tokens, " tokens in one pass, wanted at most ", kMaxStepTokens);
  if (outputs != int64_t(output_size))
    return fail(ErrorKind::kInvalidArgument, "room for ", output_size, " output floats, wanted ", outputs);
  return {};
}

// Pages for all spans, or none of them grows.
Status ForwardPass::reserve() {
  ws_.tokens.clear();
  ws_.ranges.clear();
  for (const Span& span : spans_) {
    const int64_t count = int64_t(span.tokens.size());
    if (Status reserved = span.sequence->reserve(span.first_position + count); !reserved) {
      for (const Span& other : spans_) other.sequence->truncate(other.sequence->length());
      return reserved;
    }
    ws_.ranges.push_back({columns_, count, span.first_position});
    for (int64_t i = 0; i < count; ++i) ws_.tokens.push_back({span.sequence, span.first_position + i});
    columns_ += count;
  }
  return {};
}

void ForwardPass::embed() {
  const int64_t width = config_.width;
  residual_ = buffer(ws_.residual, width);
  normed_ = buffer(ws_.normed, width);
  projected_ = buffer(ws_.projected, width);
  const TensorView& table = model_.weights_.token_embedding;
  for (size_t i = 0; i < spans_.size(); ++i) {
    const Span& span = spans_[i];
    float* const first = residual_ + ws_.ranges[i].first * width;
    driver_.parallel_for(int64_t(span.tokens.size()), 1, double(width) * kNsPerValue,
                         [&](int64_t begin, int64_t end) {
                           for (int64_t t = begin; t < end; ++t) {
                             Driver::decode_row(table, span.tokens[size_t(t)], first + t * width);
                             if (config_.embedding_scale != 1)
                               kernel_.scale(first + t * width, config_.embedding_scale, width);
                           }
                         });
  }
}

void ForwardPass::rotate_positions() {
  const int pairs = config_.rotated_dim / 2;
  const bool local = config_.local_rope_base > 0;
  rope_ = buffer(ws_.rope, 2 * pairs);
  if (local) local_rope_ = buffer(ws_.local_rope, 2 * pairs);
  for_columns(pairs * kNsPerRopePair, [&](int64_t c) {
    const int64_t position = ws_.tokens[size_t(c)].position;
    float* const cos = rope_ + c * 2 * pairs;
    model_.rope_.fill(position, cos, cos + pairs);
    if (!local) return;
    float* const local_cos = local_rope_ + c * 2 * pairs;
    model_.local_rope_.fill(position, local_cos, local_cos + pairs);
  });
}

// residual += post_norm(W_o attention(q, k, v)), where q, k, v = W norm(residual)
void ForwardPass::attention_block(int layer) {
  const LayerWeights& w = model_.weights_.layers[size_t(layer)];
  const LayerConfig& shape = config_.layers[size_t(layer)];
  const int64_t q_width = int64_t(shape.heads) * config_.head_dim,
                kv_width = int64_t(shape.kv_heads) * config_.head_dim;
  q_ = buffer(ws_.q, q_width);
  k_ = buffer(ws_.k, kv_width);
  v_ = buffer(ws_.v, kv_width);

  normalize(normed_, residual_, w.attn_norm);
  multiply({{w.attn_q, q_}, {w.attn_k, k_}, {w.attn_v, v_}}, normed_, config_.width, layer,
           ActivationRole::kAttentionInput);
  rotate_and_store(layer);
  if (layer + 1 == int(config_.layers.size()) && !observer_) keep_wanted();
  if (columns_ == 0) return;
  heads_ = buffer(ws_.heads, q_width);
  attend(layer);
  if (!w.attn_sub_norm.empty())
    for_columns(double(q_width) * kNsPerValue, [&](int64_t c) {
      float* const x = heads_ + c * q_width;
      kernel_.rms_norm(x, x, w.attn_sub_norm.data(), q_width, config_.norm_epsilon);
    });
  multiply({{w.attn_output, projected_}}, heads_, q_width, layer, ActivationRole::kAttentionOutput);
  join_residual(projected_, w.attn_post_norm);
}

// Norms of heads, RoPE, then keys and values go to the cache.
void ForwardPass::rotate_and_store(int layer) {
  const LayerWeights& w = model_.weights_.layers[size_t(layer)];
  const LayerConfig& shape = config_.layers[size_t(layer)];
  const int dim = config_.head_dim, pairs = config_.rotated_dim / 2;
  const RopeKind kind = config_.architecture->rope;
  const int64_t q_width = int64_t(shape.heads) * dim, kv_width = int64_t(shape.kv_heads) * dim;
  const auto normalize_heads = [&](float* x, int heads, const std::vector<float>& weight) {
    if (weight.empty()) return;
    for (int h = 0; h < heads; ++h)
      kernel_.rms_norm(x + h * dim, x + h * dim, weight.data(), dim, config_.norm_epsilon);
  };
  for_columns(double(q_width + 2 * kv_width) * kNsPerValue, [&](int64_t c) {
    float* const q = q_ + c * q_width;
    float* const k = k_ + c * kv_width;
    normalize_heads(q, shape.heads, w.attn_q_norm);
    normalize_heads(k, shape.kv_heads, w.attn_k_norm);
    if (shape.rope) {
      const float* const cos = rotation(c, shape.local_rope);
      kernel_.rope(kind, q, shape.heads, dim, config_.rotated_dim, cos, cos + pairs);
      kernel_.rope(kind, k, shape.kv_heads, dim, config_.rotated_dim, cos, cos + pairs);
    }
    const Workspace::Column& token = ws_.tokens[size_t(c)];
    kernel_.kv_store(model_.kv_layout_.type, token.sequence->k_page(layer, token.position),
                     token.sequence->v_page(layer, token.position), k, v_ + c * kv_width, shape.kv_heads, dim,
                     int(token.position % kKvPageTokens));
  });
}

// heads = softmax(scale q . k) v, for the columns that are still computed
void ForwardPass::attend(int layer) {
  const LayerConfig& shape = config_.layers[size_t(layer)];
  AttentionArgs args;
  args.q_stride = args.out_stride = int64_t(shape.heads) * config_.head_dim;
  args.heads = shape.heads;
  args.kv_heads = shape.kv_heads;
  args.head_dim = config_.head_dim;
  args.scale = config_.attention_scale;
  args.softcap = config_.attention_softcap;
  args.window = shape.window;
  args.kv_type = model_.kv_layout_.type;
  ws_.attention.clear();
  for (size_t i = 0; i < spans_.size(); ++i) {
    const Workspace::Range& range = ws_.ranges[i];
    if (range.count == 0) continue;
    args.q = q_ + range.first * args.q_stride;
    args.out = heads_ + range.first * args.out_stride;
    args.first_position = range.position;
    args.k_pages = spans_[i].sequence->k_pages(layer);
    args.v_pages = spans_[i].sequence->v_pages(layer);
    args.tokens = int(range.count);
    ws_.attention.push_back(args);
  }
  driver_.attention(ws_.attention);
}

// residual += post_norm(W_down (activation(W_gate x) * W_up x)), where x = norm(residual)
void ForwardPass::ffn_block(int layer) {
  const LayerWeights& w = model_.weights_.layers[size_t(layer)];
  const int64_t length = config_.layers[size_t(layer)].ffn_length;
  float* const gate = buffer(ws_.gate, length);
  float* const up = buffer(ws_.up, length);

  normalize(normed_, residual_, w.ffn_norm);
  multiply({{w.ffn_gate, gate}, {w.ffn_up, up}}, normed_, config_.width, layer, ActivationRole::kFfnInput);
  for_columns(double(length) * 3 * kNsPerValue, [&](int64_t c) {
    float* const x = gate + c * length;
    kernel_.gated(config_.architecture->activation, x, x, up + c * length, length);
    if (!w.ffn_sub_norm.empty()) kernel_.rms_norm(x, x, w.ffn_sub_norm.data(), length, config_.norm_epsilon);
  });
  multiply({{w.ffn_down, projected_}}, gate, length, layer, ActivationRole::kFfnDown);
  join_residual(projected_, w.ffn_post_norm);
}

// Drops the columns whose results nobody reads: after the last keys and values, only these matter.
void ForwardPass::keep_wanted() {
  const int64_t width = config_.width, q_width = int64_t(config_.layers.back().heads) * config_.head_dim;
  int64_t kept = 0;
  for (size_t i = 0; i < spans_.size(); ++i) {
    Workspace::Range& range = ws_.ranges[i];
    const int64_t count = spans_[i].want == Span::Want::kNothing      ? 0
                          : spans_[i].want == Span::Want::kLastLogits ? 1
                                                                      : range.count;
    const int64_t from = range.first + range.count - count;
    if (count > 0 && from != kept) {
      std::memmove(residual_ + kept * width, residual_ + from * width, size_t(count * width) * sizeof(float));
      std::memmove(q_ + kept * q_width, q_ + from * q_width, size_t(count * q_width) * sizeof(float));
    }
    range = {kept, count, range.position + range.count - count};
    kept += count;
  }
  columns_ = kept;
}

// All products read the same x: (columns, length), which is quantized once.
void ForwardPass::multiply(std::initializer_list<Product> products, const float* x, int64_t length, int layer,
                           ActivationRole role) {
  if (observer_) observer_->observe(layer, role, x, length, length, int(columns_));
  ws_.columns.set(x, length, length, int(columns_));
  Driver::Output outputs[3];
  int count = 0;
  for (const Product& product : products) {
    const TensorView& view = product.linear.view;
    outputs[count++] = {&view, product.out, int64_t(view.rows())};
  }
  driver_.matmul(outputs, count, ws_.columns);
  for (const Product& product : products) {
    const Linear& linear = product.linear;
    if (linear.bias.empty() && linear.scale == 1) continue;
    const int64_t rows = int64_t(linear.view.rows());
    for_columns(double(rows) * kNsPerValue, [&](int64_t c) {
      float* const y = product.out + c * rows;
      if (linear.scale != 1) kernel_.scale(y, linear.scale, rows);
      if (!linear.bias.empty()) kernel_.add(y, y, linear.bias.data(), rows);
    });
  }
}

void ForwardPass::normalize(float* out, const float* x, const std::vector<float>& weight) {
  const int64_t width = config_.width;
  for_columns(double(width) * kNsPerValue, [&](int64_t c) {
    kernel_.rms_norm(out + c * width, x + c * width, weight.data(), width, config_.norm_epsilon);
  });
}

void ForwardPass::join_residual(float* delta, const std::vector<float>& post_norm) {
  const int64_t width = config_.width;
  for_columns(double(width) * kNsPerValue, [&](int64_t c) {
    float* const x = residual_ + c * width;
    float* const y = delta + c * width;
    if (!post_norm.empty()) kernel_.rms_norm(y, y, post_norm.data(), width, config_.norm_epsilon);
    if (config_.residual_scale == 1)
      kernel_.add(x, x, y, width);
    else
      kernel_.scale_add(x, x, y, config_.residual_scale, width);
  });
}

// The last norm and the head; spans in order, neighbours that want the same in one product.
Status ForwardPass::write_outputs(float* outputs) {
  if (observer_) keep_wanted();
  if (columns_ == 0) return {};
  const int64_t width = config_.width;
  normalize(normed_, residual_, model_.weights_.output_norm);
  for (int64_t i = 0; i < columns_ * width; ++i)
    if (!std::isfinite(normed_[i]))
      return fail(ErrorKind::kBadFile, model_.file_->path(), ": the model computes ", normed_[i],
                  " instead of a number; its weights are damaged or too large");
  for (size_t i = 0; i < spans_.size();) {
    const bool hidden = spans_[i].want == Span::Want::kHidden;
    const float* const from = normed_ + ws_.ranges[i].first * width;
    int64_t count = 0;
    for (; i < spans_.size() && (spans_[i].want == Span::Want::kHidden) == hidden; ++i)
      count += ws_.ranges[i].count;
    if (hidden)
      std::memcpy(outputs, from, size_t(count * width) * sizeof(float));
    else if (count > 0)
      write_logits(from, count, outputs);
    outputs += count * (hidden ? width : config_.vocabulary);
  }
  return {};
}

// out: (columns, vocabulary) = softcap(W_out normed / logit_scale)
void ForwardPass::write_logits(const float* normed, int64_t columns, float* out) {
  columns_ = columns;
  multiply({{model_.weights_.output, out}}, normed, config_.width, int(config_.layers.size()),
           ActivationRole::kOutput);
  if (config_.logit_scale == 1 && config_.logit_softcap == 0) return;
  driver_.parallel_for(columns * config_.vocabulary, kLogitGrain, kNsPerValue,
                       [&](int64_t begin, int64_t end) {
                         if (config_.logit_scale != 1)
                           kernel_.scale(out + begin, 1 / config_.logit_scale, end - begin);
                         if (config_.logit_softcap > 0)
                           kernel_.softcap(out + begin, config_.logit_softcap, end - begin);
                       });
}

Status Model::forward(Workspace& workspace, std::span<const Span> spans, std::span<float> outputs,
                      ActivationObserver* observer) const {
  return ForwardPass(*this, workspace, spans, observer).run(outputs);
}

}  // namespace nibble
