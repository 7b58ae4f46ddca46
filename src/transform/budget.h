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

struct Budget {
  uint64_t tensors = 0;  // bytes that all tensors may take
  uint64_t rest = 0;     // bytes of the file beside them, for messages
  uint64_t file = 0;     // bytes that the file may have; 0: the target is of the tensors only
};

// Sets format and bytes of the tensors at `open` so that all tensors keep to the budget. The error
// of a tensor is relative to its size, sum (x - y)^2 / sum x^2: the noise in its product. Products of the
// layers are added to the residual stream, each one of 2 layers + 1 parts; the head's is the logits, so that
// its error counts as often. kInvalidArgument, with the
// smallest size possible, when that is too large.
Status choose_formats(std::vector<PlannedTensor>& tensors, std::span<const size_t> open,
                      const RecipeFacts& facts, const Budget& budget, ThreadPool& pool);

}  // namespace nibble
