// Rows of a tensor as floats, for whatever reads models to transform them.
#pragma once
#include <cstdint>
#include <span>

#include "base/error.h"
#include "formats/tensor_view.h"

namespace nibble {

// Decodes out.size() / row_length rows from `first_row` on. The tensor's bytes may be untrusted; sizes are
// checked.
Status decode_rows(const TensorView& tensor, uint64_t first_row, std::span<float> out);

}  // namespace nibble
