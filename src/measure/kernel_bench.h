// Speed of the kernels, one at a time, on one thread and from data that lies in the second-level cache: every
// kernel, format and instruction set, beside the peak rates of this machine's best instruction set and of its
// caches.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "measure/bench.h"
#include "measure/bench_row.h"

namespace nibble {

struct KernelBenchOptions {
  std::vector<std::string> kernels, formats, isas;  // names, in any case; empty: all there are
  std::vector<int64_t> columns{1, 8, 512};          // of a matmul
  int repeats = 12;                                 // samples a row, about a millisecond each
};

// Samples take turns as run_bench() does it. kInvalidArgument names an unknown kernel, format or ISA and
// lists those there are.
Result<std::vector<BenchRow>> run_kernel_bench(const KernelBenchOptions& options,
                                               const BenchProgress& progress = {});

}  // namespace nibble
