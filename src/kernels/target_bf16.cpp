// Compiled with the flags of AVX512-BF16 (cmake/kernels.cmake); exports one function.
#include "kernels/algo/matmul_bf16.inl.h"

namespace nibble {
void fast_bf16_matmul_avx512(const MatmulArgs& args);
void fast_bf16_matmul_avx512(const MatmulArgs& args) { matmul_bf16(args); }
}  // namespace nibble
