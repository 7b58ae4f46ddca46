// A kernel table written as plain loops in double precision, for float formats only: an oracle that shares
// nothing with the ISA kernels but their contract.
#pragma once
#include "kernels/kernels.h"

namespace nibble {

const KernelTable& naive_kernels();

}  // namespace nibble
