#include "model/model.h"

#include <utility>

namespace nibble {

Result<std::unique_ptr<Model>> Model::load(std::shared_ptr<const GgufFile> file, const Options& options,
                                           const KernelTable& table) {
  std::unique_ptr<Model> model(new Model);
  NIBBLE_TRY(model->config_, read_model_config(*file));
  const ModelConfig& config = model->config_;
  if (options.context < 0 || options.context > config.context)
    return fail(ErrorKind::kInvalidArgument, "context ", options.context, ": ", file->path(),
                " was made for 1 to ", config.context, " positions");
  model->context_ = options.context > 0 ? options.context : config.context;
  model->kv_layout_ = KvLayout(config, options.kv);
  NIBBLE_TRY(model->weights_, load_weights(*file, config, table));
  const ModelWeights& weights = model->weights_;

  // LongRoPE has two sets of factors; the configured context, not the position, decides (all positions must
  // agree).
  const bool beyond_original = model->context_ > config.rope_scaling.original_context;
  const std::vector<float>& factors = !weights.rope_factors.empty() ? weights.rope_factors
                                      : beyond_original             ? weights.rope_factors_long
                                                                    : weights.rope_factors_short;
  model->rope_ = Rope(config.rope_base, config.rotated_dim, config.rope_scaling, factors);
  if (config.local_rope_base > 0)
    model->local_rope_ =
        Rope(config.local_rope_base, config.rotated_dim, {.kind = RopeScaling::Kind::kNone}, {});
  model->file_ = std::move(file);
  return model;
}

int64_t Model::output_floats(const Span& span) const {
  const int64_t tokens = int64_t(span.tokens.size());
  switch (span.want) {
    case Span::Want::kLastLogits:
      return config_.vocabulary;
    case Span::Want::kAllLogits:
      return tokens * config_.vocabulary;
    case Span::Want::kHidden:
      return tokens * config_.width;
    case Span::Want::kNothing:
      break;
  }
  return 0;
}

}  // namespace nibble
