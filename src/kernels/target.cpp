// Compiled once per ISA (cmake/kernels.cmake); exports one table. Everything else here is in an anonymous namespace.
#include NIBBLE_ISA_HEADER
#include "kernels/algo/attention.inl.h"
#include "kernels/algo/ceilings.inl.h"
#include "kernels/algo/matmul.inl.h"
#include "kernels/algo/quantize.inl.h"

namespace nibble {
static_assert(Vocabulary<Isa>);

extern const DecodeKernels NIBBLE_ISA_DECODE;  // target_decode.cpp
extern const KernelTable NIBBLE_ISA_TABLE;
constinit const KernelTable NIBBLE_ISA_TABLE = {
    NIBBLE_ISA_NAME, NIBBLE_MATMULS, &NIBBLE_ISA_DECODE, quantize_column, rms_norm, layer_norm, add,   scale, scale_add, softcap,
    gated,           rope,           kv_store,           attention,       attention_merge, softmax, nibble::max,
    stream_read, stream_store, peak_dot, peak_fma,
};
}  // namespace nibble
