// Compiled once per ISA beside target.cpp: the decoders of all formats.
#include NIBBLE_ISA_HEADER
#include "kernels/algo/decode.inl.h"

namespace nibble {
extern const DecodeKernels NIBBLE_ISA_DECODE;
constinit const DecodeKernels NIBBLE_ISA_DECODE = {NIBBLE_DECODERS(ToF32), NIBBLE_DECODERS(ToF16), NIBBLE_DECODERS(ToBF16)};
}  // namespace nibble
