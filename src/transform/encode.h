// Floats into the bytes of a format, at the best quality known: the one way by which synth, quantize and
// convert encode.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/error.h"
#include "base/thread_pool.h"
#include "formats/tensor_view.h"

namespace nibble {

// Encodes `values` (whole blocks, finite) into format_bytes(format, values.size()) bytes. `importance`, when
// not empty, weighs the squared error of each value (same length, not negative). Values of formats with a
// tensor trailer must be the whole tensor.
Status encode_values(FormatId format, std::span<const float> values, std::span<std::byte> out,
                     std::span<const float> importance = {});

// The same on all threads of the pool, split at block boundaries; the bytes do not depend on the number of
// threads. `importance`: one weight per value of a row, shared by all rows (row_length values), or empty.
Status encode_rows(ThreadPool& pool, FormatId format, uint64_t row_length, std::span<const float> values,
                   std::span<std::byte> out, std::span<const float> importance = {});

// Index of the first NaN or infinity.
std::optional<size_t> find_not_finite(std::span<const float> values);

}  // namespace nibble
