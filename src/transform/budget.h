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

struct FormatChoice {
  const Format* format = nullptr;
  uint64_t bytes = 0;  // of the whole tensor
  double error = 0;
};

class FormatChoices {
 public:
  // For the tensors at `open`; all others keep what they have. The error of a tensor is relative to its size,
  // sum (x - y)^2 / sum x^2: the noise in its product. Products of the layers are added to the residual
  // stream, each one of 2 layers + 1 parts; the head's is the logits, so that its error counts as often.
  static Result<FormatChoices> measure(std::span<const PlannedTensor> tensors, std::span<const size_t> open,
                                       const RecipeFacts& facts, ThreadPool& pool);

  // Bytes of all tensors with the open ones in their smallest formats.
  uint64_t smallest() const;
  // Sets format and bytes of the open tensors so that all tensors take at most `bytes`, at least smallest().
  // Returns what they take.
  uint64_t choose(std::vector<PlannedTensor>& tensors, uint64_t bytes) const;

 private:
  struct Open {
    size_t tensor = 0;
    std::vector<FormatChoice> choices;  // from small to large
  };
  std::vector<Open> open_;
  uint64_t fixed_ = 0;  // bytes of the tensors that are not open
};

}  // namespace nibble
