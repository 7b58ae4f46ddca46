// BF16 weights through the processor's own bf16 products (AMX-BF16 tiles, else AVX512-BF16): an option, never chosen by itself,
// as it rounds activations to bf16 and so gives other bits than the kernel table.
#pragma once
#include "kernels/kernels.h"

namespace nibble {

struct FastBf16 {
  const char* name;  // of the unit: "amx_bf16", "avx512_bf16"
  // Reads MatmulArgs::x; scratch holds fast_bf16_scratch_bytes(). A result is off by at most 2^-8 of the sum of
  // |weight * activation|, as activations are rounded to 8 significant bits, and by the rounding of a sum in f32; subnormals
  // count as zero. It depends neither on the other columns nor on the split of rows, but on the unit.
  void (*matmul)(const MatmulArgs&);
  double (*peak)(int64_t iterations);  // as KernelTable::peak_fma: returns the multiply-adds done
};

// The best unit that the CPU has and that is no wider than `table`; null where there is none.
const FastBf16* fast_bf16(const KernelTable& table);
size_t fast_bf16_scratch_bytes(int64_t length, int columns);
inline constexpr int64_t kBf16RowBlock = 128;  // rows whose sums the scratch has room for

}  // namespace nibble
