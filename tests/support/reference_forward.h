// The forward pass once more, in double precision and plain loops over whole sequences: shares with model/
// only the config, and finds its tensors by their names in the file.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "formats/gguf.h"
#include "model/model_config.h"

namespace nibble {

struct ReferenceOptions {
  int64_t context = 0;     // as configured; 0: the model's
  bool round_kv = true;    // keys and values to f16, as the cache keeps them
  bool half_gelu = false;  // GELU from and to f16: the peer looks it up in a table of halves
};

// (tokens, vocabulary) logits of a sequence that starts at position 0.
std::vector<double> reference_logits(const GgufFile& file, const ModelConfig& config,
                                     std::span<const int32_t> tokens, const ReferenceOptions& options = {});

// sum (found - wanted)^2 / sum wanted^2
double normalized_error(std::span<const float> found, std::span<const double> wanted);

}  // namespace nibble
