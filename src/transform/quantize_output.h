// The files of a quantize plan: one, or a split set that appears as one.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/gguf_writer.h"
#include "transform/quantize.h"

namespace nibble {

// Fills plan.parts with their exact sizes, by the bounds of the options. kInvalidArgument: a bound that is no size; kLimit: more than
// kMaxOutputParts.
Status lay_out_parts(const GgufFile& file, const QuantizeOptions& options, QuantizePlan& plan);

class QuantizeOutput {
 public:
  // Sets disk space aside for all files. kInvalidArgument when one of them is read: the model or the matrix.
  static Result<QuantizeOutput> create(const GgufFile& file, const QuantizePlan& plan,
                                       const QuantizeOptions& options, const std::string& path);
  // Data of the plan's tensors, in their order; end_tensor() after each.
  Status write(std::span<const std::byte> bytes) { return writers_[part_].write_tensor_data(bytes); }
  Status end_tensor();
  // The first part gets its name last: a set is opened by it. One that stood there before goes first.
  Status finish();

 private:
  explicit QuantizeOutput(const QuantizePlan& plan) : plan_(&plan) {}
  const QuantizePlan* plan_;
  std::vector<GgufWriter> writers_;  // one a part
  size_t part_ = 0, tensor_ = 0;     // of the next data
};

}  // namespace nibble
