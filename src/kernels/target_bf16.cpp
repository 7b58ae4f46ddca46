// Compiled with the flags of AVX512-BF16 and with those of AMX-BF16 (cmake/kernels.cmake); exports one constant.
#include "kernels/fast_bf16.h"
#if defined(__AMX_BF16__)
#include "kernels/algo/matmul_bf16_tiles.inl.h"
#else
#include "kernels/algo/matmul_bf16.inl.h"
#endif

namespace nibble {
extern const FastBf16 NIBBLE_BF16_UNIT;
constinit const FastBf16 NIBBLE_BF16_UNIT = {NIBBLE_BF16_NAME, matmul_bf16, peak_bf16};
}  // namespace nibble
