// Rows of floats into blocks of a format: one function per ISA, all writing the same bytes.
#pragma once
#include <cstdint>

#include "kernels/kernels.h"

namespace nibble {

// Encodes `blocks` whole blocks of a weight format of 32 or 256 values a block at the best quality known.
// Values are finite; weights, one a value and not negative, weigh squared errors, or null. The ternary
// formats (I2_S: a whole tensor, its trailer included) without weights only, by the rule of encode_reference() and to its
// bytes. False for what is not encoded.
using EncodeBlocks = bool (*)(FormatId format, const float* values, const float* weights, int64_t blocks,
                              uint8_t* out);

// The one that belongs to a kernel table.
EncodeBlocks encoder_of(const KernelTable& table);

}  // namespace nibble
