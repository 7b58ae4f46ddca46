// Scalar reference codecs: the executable specification of every format in quant_formats.h. Decoding rounds in the
// order (d*sc)*q - (dmin*m), each product rounded, nothing fused: bit-equal to the peer. Fast paths in kernels/ and
// transform/ are tested against these.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "formats/quant_formats.h"

namespace nibble {

// Decodes whole blocks; out.size() values, a multiple of block_values. For formats with a tensor trailer `bytes` must be the
// whole tensor. Every bit pattern is survived (NaN scales give NaN values).
Status decode_reference(FormatId format, std::span<const std::byte> bytes, std::span<float> out);

// Encodes values (a whole number of blocks, finite) into format_bytes(format, values.size()) bytes. `importance`, when not
// empty, weighs squared errors per value (same length). Simple, correct, and not the best quality: transform/ has the searches.
Status encode_reference(FormatId format, std::span<const float> values, std::span<std::byte> out,
                        std::span<const float> importance = {});

}  // namespace nibble
