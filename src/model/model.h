// A model ready to run: config, weights, RoPE, and the forward pass over spans of sequences. Immutable after
// load; whoever runs it brings a Workspace (one a thread of control) and the sequences.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "formats/gguf.h"
#include "kernels/drive.h"
#include "model/kv_cache.h"
#include "model/model_config.h"
#include "model/rope.h"
#include "model/weights.h"

namespace nibble {

// Consecutive tokens of one sequence, and what is wanted of them.
struct Span {
  enum class Want : uint8_t {
    kNothing,     // fill the KV cache only
    kLastLogits,  // (vocabulary) floats, of the last token
    kAllLogits,   // (tokens, vocabulary)
    kHidden,      // (tokens, width): after the last norm
  };
  KvSequence* sequence = nullptr;
  int64_t first_position = 0;  // must be sequence->length(); truncate the sequence first to go back
  std::span<const int32_t> tokens;
  Want want = Want::kLastLogits;
};

// Sees activations just before weights multiply them.
class ActivationObserver {
 public:
  virtual ~ActivationObserver() = default;
  // x: (columns, stride) floats, the first `length` of each used. `layer` is the number of layers for
  // kOutput.
  virtual void observe(int layer, ActivationRole role, const float* x, int64_t length, int64_t stride,
                       int columns) = 0;
};

// Tokens in one forward pass, over all spans.
inline constexpr int64_t kMaxStepTokens = 16384;

// Buffers of the forward pass; they grow to the largest step seen and stay, so that steady decoding allocates
// nothing. Not thread-safe; any model may use it, one at a time.
class Workspace {
 public:
  explicit Workspace(Driver& driver) : driver_(driver) {}
  Driver& driver() const { return driver_; }

 private:
  friend class ForwardPass;
  Driver& driver_;
  // Rows are columns of the step, unless stated: one a token.
  AlignedBuffer residual, normed, projected;  // (columns, width)
  AlignedBuffer q, heads;                     // (columns, heads * head_dim): queries, attention's output
  AlignedBuffer k, v;                         // (columns, kv_heads * head_dim)
  AlignedBuffer gate, up;                     // (columns, ffn_length)
  AlignedBuffer rope, local_rope;             // (columns, 2, rotated_dim / 2): cos, then sin
  Columns columns;
  struct Column {
    KvSequence* sequence = nullptr;
    int64_t position = 0;
  };
  std::vector<Column> tokens;
  struct Range {  // columns of a span that are still computed
    int64_t first = 0, count = 0;
    int64_t position = 0;  // of the first
  };
  std::vector<Range> ranges;
  std::vector<AttentionArgs> attention;  // of the spans that are still computed
};

struct ModelOptions {
  int64_t context = 0;  // positions a sequence may have; 0: the model's. Above the model's is refused.
  KvType kv = KvType::kF16;
};

class Model {
 public:
  using Options = ModelOptions;
  // The kernels are those that will run it: formats without one are refused here.
  static Result<std::unique_ptr<Model>> load(std::shared_ptr<const GgufFile> file,
                                             const Options& options = {},
                                             const KernelTable& table = kernels());

  const ModelConfig& config() const { return config_; }
  const ModelWeights& weights() const { return weights_; }
  const GgufFile& file() const { return *file_; }
  int64_t context() const { return context_; }              // as configured
  const KvLayout& kv_layout() const { return kv_layout_; }  // for the pools of its sequences

  // Floats that forward() writes for one span.
  int64_t output_floats(const Span& span) const;
  // Runs all spans in one pass and stores their keys and values. outputs: the output_floats of each span, in
  // order, and no more. A token's result does not depend on what else is in the pass, on chunking or on
  // threads. On an error (bad token id, context or KV pool exceeded, values not finite) no sequence has
  // grown.
  Status forward(Workspace& workspace, std::span<const Span> spans, std::span<float> outputs,
                 ActivationObserver* observer = nullptr) const;

 private:
  friend class ForwardPass;
  Model() = default;
  std::shared_ptr<const GgufFile> file_;
  ModelConfig config_;
  ModelWeights weights_;
  Rope rope_, local_rope_;
  KvLayout kv_layout_;
  int64_t context_ = 0;
};

}  // namespace nibble
