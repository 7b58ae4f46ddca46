// BF16 weights through the processor's own bf16 dot (AVX512-BF16): an option, never chosen by itself, as it rounds
// activations to bf16 and so gives other bits than the kernel table.
#pragma once
#include "kernels/kernels.h"

namespace nibble {

// A matmul of BF16 weights (MatmulArgs::x is read, scratch is not), or null where the CPU has no such dot.
// Against the exact product it is off by at most 2^-8 of the sum of |weight * activation|: activations are rounded to 8
// significant bits (2^-9 each), sums stay in f32, subnormals count as zero. A result depends neither on the other columns nor
// on the split of rows.
void (*fast_bf16_matmul())(const MatmulArgs&);

}  // namespace nibble
