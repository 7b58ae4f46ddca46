// The kernels as things to measure: what one call does and what work that is.
#pragma once
#include <functional>
#include <vector>

#include "measure/kernel_bench.h"

namespace nibble {

struct KernelCase {
  BenchRow row;  // name, work of one call
  const KernelTable* table;
  std::function<void()> call;  // takes the next piece of its data every time
  float* stores_to = nullptr;  // not null: its ceiling is that of plain vector stores of as many bytes to this place
};

// Kernels there are to choose from: "matmul", "rms_norm", ...
std::vector<std::string_view> kernel_names();

// Cases of one table, of the kernels and formats chosen. Data are shared among tables and live as long as the
// cases.
class KernelData;
std::shared_ptr<KernelData> make_kernel_data();
std::vector<KernelCase> kernel_cases(const KernelTable& table, const KernelBenchOptions& options,
                                     std::shared_ptr<KernelData> data);

// Whether `name` is in `chosen`, in any case, or `chosen` is empty.
bool is_chosen(const std::vector<std::string>& chosen, std::string_view name);

}  // namespace nibble
