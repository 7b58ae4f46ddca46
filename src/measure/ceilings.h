// The machine's own limits, measured in the same run as the results that are compared with them.
#pragma once
#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace nibble {

struct Ceilings {
  double read_gb_per_s = 0;    // streaming read, all threads of the pool together
  double int8_gmac_per_s = 0;  // integer dot of the table's ISA
  double f32_gmac_per_s = 0;   // fma of the table's ISA
};

// Best of several short repeats (about half a second in all). `megabytes` of memory are read: more than the last-level cache.
Ceilings measure_ceilings(const KernelTable& table, ThreadPool& pool, int megabytes = 512);

}  // namespace nibble
