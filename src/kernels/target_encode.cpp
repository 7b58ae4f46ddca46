// Compiled once per ISA beside target.cpp, and apart from it because the encoders take long to compile.
#include NIBBLE_ISA_HEADER
#include "kernels/algo/encode.inl.h"

namespace nibble {
bool NIBBLE_ISA_ENCODE(FormatId format, const float* values, const float* weights, int64_t blocks,
                       uint8_t* out);
bool NIBBLE_ISA_ENCODE(FormatId format, const float* values, const float* weights, int64_t blocks,
                       uint8_t* out) {
  return encode_blocks(format, values, weights, blocks, out);
}
}  // namespace nibble
