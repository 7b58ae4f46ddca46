// Tensors as numbers, for whatever reads models to transform them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "formats/tensor_view.h"

namespace nibble {

// Decodes values from value `first` on as F32, F16 or BF16: as many as `out` holds, 4 or 2 bytes each,
// aligned so, on the calling thread and without a copy in between. F16 and BF16 are the f32 values rounded to
// nearest even. kInvalidArgument, and nothing written: `as` another format, `out` with a part of a value, a
// range that is not whole blocks or goes beyond the tensor, and a tensor whose bytes are not those of its
// shape. What is in the bytes may be anything.
Status decode_values(const TensorView& tensor, uint64_t first, FormatId as, std::span<std::byte> out);

// The same as floats for whole rows: out.size() / row_length of them from `first_row` on.
Status decode_rows(const TensorView& tensor, uint64_t first_row, std::span<float> out);

}  // namespace nibble
