// Formats for a target size: each tensor's error is measured in each candidate format on a sample of its
// rows; from the smallest formats up, the step that takes off most error for its bytes is made until the
// bytes are used up.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "transform/quantize.h"

namespace nibble {

// Sets format and bytes of the tensors at `open` so that all tensors take at most `target` bytes. The error
// of a tensor is relative to its size, sum (x - y)^2 / sum x^2: the noise in its product. Products of the
// layers are added to the residual stream, each one of 2 layers + 1 parts; the head's is the logits, so that
// its error counts as often. kInvalidArgument when even the smallest formats are too large.
Status choose_formats(std::vector<PlannedTensor>& tensors, std::span<const size_t> open,
                      const RecipeFacts& facts, uint64_t target, ThreadPool& pool);

}  // namespace nibble
