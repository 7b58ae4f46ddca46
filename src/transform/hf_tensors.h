// Tensors of a Hugging Face checkpoint as tensors of a GGUF file: which becomes which, and what happens to
// its values on the way.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/tensor_view.h"
#include "transform/hf_checkpoint.h"
#include "transform/hf_model.h"

namespace nibble {

struct ConvertedTensor {
  std::string name;            // in the GGUF file
  std::vector<uint64_t> dims;  // dims[0] is the row length
  const Format* format = nullptr;
  uint64_t bytes = 0;  // of the output
  // Null for values that were computed from the config.
  const SafetensorsTensor* source = nullptr;
  const SafetensorsFile* file = nullptr;
  std::vector<float> computed;
  // What happens to the values, in this order.
  bool ternary = false;     // rounded to {-1, 0, 1} times the mean magnitude
  float offset = 0;         // added
  uint64_t pair_heads = 0;  // rows of so many heads go from RoPE halves to adjacent pairs; 0: none
  uint64_t rows() const;
  uint64_t values() const { return dims[0] * rows(); }
};

// `matrices`: format of everything with more than one dimension; null: as it is stored. The rest is F32.
// Errors: a tensor that is missing, of another shape or type than the model's, or not understood. Adds notes
// to the model.
Result<std::vector<ConvertedTensor>> plan_hf_tensors(const HfCheckpoint& checkpoint, HfModel& model,
                                                     const Format* matrices);

// Rows of a tensor as floats, everything done to them. Made once for each tensor.
class TensorRows {
 public:
  // Values that are not finite become zeros where that is allowed.
  TensorRows(const ConvertedTensor& tensor, bool allow_non_finite);
  // `values` is whole rows, from `first_row` on. Returns how many became zeros. Errors: a value that is not finite.
  Result<uint64_t> read(uint64_t first_row, std::span<float> values) const;
  // Whether the rows are the source's bytes, as they are.
  bool verbatim() const;

 private:
  const ConvertedTensor& tensor_;
  const bool allow_non_finite_;
  float magnitude_ = 0;  // of a ternary tensor
};

}  // namespace nibble
