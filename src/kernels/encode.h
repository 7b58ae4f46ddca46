// Rows of floats into blocks of a format, at the best quality known: one function per ISA, all writing the
// same bytes.
#pragma once
#include <cstdint>

#include "kernels/kernels.h"

namespace nibble {

// Encodes `blocks` whole blocks of the weight formats of 32 or 256 values a block, the ternary ones excepted;
// false for other formats. Values are finite; weights, one a value and not negative, weigh squared errors, or
// null.
using EncodeBlocks = bool (*)(FormatId format, const float* values, const float* weights, int64_t blocks,
                              uint8_t* out);

// The one that belongs to a kernel table.
EncodeBlocks encoder_of(const KernelTable& table);

}  // namespace nibble
