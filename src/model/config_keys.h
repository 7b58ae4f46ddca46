// Names of hyperparameter keys, for reading (model_config.cpp) and writing (model_config_writer.cpp).
#pragma once
#include <string_view>

#include "model/model_config.h"

namespace nibble::config_keys {

// Hyperparameter keys, without the architecture's prefix.
inline constexpr std::string_view kContext = "context_length", kWidth = "embedding_length",
                                  kLayerCount = "block_count", kFfnLength = "feed_forward_length",
                                  kHeads = "attention.head_count", kKvHeads = "attention.head_count_kv",
                                  kKeyLength = "attention.key_length",
                                  kValueLength = "attention.value_length",
                                  kNormEpsilon = "attention.layer_norm_rms_epsilon",
                                  kWindow = "attention.sliding_window",
                                  kWindowPattern = "attention.sliding_window_pattern",
                                  kAttentionScale = "attention.scale",
                                  kAttentionSoftcap = "attn_logit_softcapping",
                                  kLogitSoftcap = "final_logit_softcapping",
                                  kEmbeddingScale = "embedding_scale", kResidualScale = "residual_scale",
                                  kLogitScale = "logit_scale", kVocabulary = "vocab_size",
                                  kExperts = "expert_count", kRotatedDim = "rope.dimension_count",
                                  kRopeBase = "rope.freq_base", kLocalRopeBase = "rope.freq_base_swa",
                                  kRopeScalingType = "rope.scaling.type", kRopeFactor = "rope.scaling.factor",
                                  kRopeFactorOld = "rope.scale_linear",
                                  kRopeOriginalContext = "rope.scaling.original_context_length",
                                  kRopeAttnFactor = "rope.scaling.attn_factor",
                                  kRopeOn = "rope.scaling.finetuned",
                                  kYarnExtrapolation = "rope.scaling.yarn_ext_factor",
                                  kYarnBetaFast = "rope.scaling.yarn_beta_fast",
                                  kYarnBetaSlow = "rope.scaling.yarn_beta_slow",
                                  kYarnLogMultiplier = "rope.scaling.yarn_log_multiplier";
inline constexpr std::string_view kTokens = "tokenizer.ggml.tokens";

struct RopeScalingName {
  RopeScaling::Kind kind;
  std::string_view name;
};
inline constexpr RopeScalingName kRopeScalingNames[] = {{RopeScaling::Kind::kNone, "none"},
                                                        {RopeScaling::Kind::kLinear, "linear"},
                                                        {RopeScaling::Kind::kYarn, "yarn"},
                                                        {RopeScaling::Kind::kLong, "longrope"}};

}  // namespace nibble::config_keys
