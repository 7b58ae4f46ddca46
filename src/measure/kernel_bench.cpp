#include "measure/kernel_bench.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "measure/kernel_cases.h"

namespace nibble {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of_calls(const KernelCase& kernel) {
  for (double i = 0; i < kernel.row.operations / 8; ++i)
    kernel.call();  // brings its data back into the cache
  const auto begin = Clock::now();
  for (double i = 0; i < kernel.row.operations; ++i) kernel.call();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// As many calls a sample as take about a millisecond; also what warms up.
void fit_calls(KernelCase& kernel) {
  constexpr double kWanted = 0.001, kMostCalls = 1 << 20;
  kernel.row.operations = 1;
  kernel.call();
  while (kernel.row.operations < kMostCalls && seconds_of_calls(kernel) < kWanted / 2)
    kernel.row.operations *= 2;
  BenchRow& row = kernel.row;
  for (double* work : {&row.integer_macs, &row.float_macs, &row.bf16_macs, &row.bytes, &row.bytes_written})
    *work *= row.operations;
}

// What plain vector stores reach that write as many bytes as a case does, to the same place, called the same
// way: those of any instruction set. Beyond the first-level cache a case may be a little faster; then it is
// the ceiling itself.
class StoreCeilings {
 public:
  explicit StoreCeilings(const std::vector<KernelCase>& cases) {
    for (const KernelCase& kernel : cases) {
      if (!kernel.stores_to) continue;
      const auto bytes = size_t(kernel.row.bytes_written);
      Stores& stores = stores_[bytes];
      if (!stores.kernels.empty()) continue;
      for (const KernelTable* table : available_kernels())
        stores.kernels.emplace_back().call = [table, out = kernel.stores_to, bytes] {
          table->stream_store(out, bytes / sizeof(float));
        };
    }
    for (auto& [bytes, stores] : stores_)
      for (KernelCase& kernel : stores.kernels) fit_calls(kernel);
  }
  void measure() {
    for (auto& [bytes, stores] : stores_) {
      stores.now = 0;
      for (const KernelCase& kernel : stores.kernels)
        stores.now =
            std::max(stores.now, double(bytes) * kernel.row.operations / seconds_of_calls(kernel) / 1e9);
      stores.best = std::max(stores.best, stores.now);
    }
  }
  void include(const KernelCase& kernel) {
    if (!kernel.stores_to) return;
    Stores& stores = stores_.at(bytes_of(kernel));
    stores.best = std::max(stores.best, kernel.row.bytes_written / kernel.row.best_seconds() / 1e9);
  }
  // `measured` with the store ceiling of this case, in this round or the best seen.
  Ceilings now(const KernelCase& kernel, Ceilings measured) const {
    return with(kernel, measured, &Stores::now);
  }
  Ceilings best(const KernelCase& kernel, Ceilings measured) const {
    return with(kernel, measured, &Stores::best);
  }

 private:
  struct Stores {
    std::vector<KernelCase> kernels;  // one a table
    double now = 0, best = 0;         // GB/s
  };
  static size_t bytes_of(const KernelCase& kernel) {
    return size_t(kernel.row.bytes_written / kernel.row.operations);
  }
  Ceilings with(const KernelCase& kernel, Ceilings measured, double Stores::*rate) const {
    if (kernel.stores_to) measured.store_gb_per_s = stores_.at(bytes_of(kernel)).*rate;
    return measured;
  }
  std::map<size_t, Stores> stores_;  // by bytes
};

Status check_names(std::string_view flag, const std::vector<std::string>& chosen,
                   const std::vector<std::string_view>& known) {
  for (const std::string& name : chosen) {
    const auto same = [&](std::string_view other) { return is_chosen({name}, other); };
    if (std::any_of(known.begin(), known.end(), same)) continue;
    std::string names;
    for (std::string_view other : known) names += concat(names.empty() ? "" : ", ", other);
    return fail(ErrorKind::kInvalidArgument, flag, " is \"", name, "\", wanted of ", names);
  }
  return {};
}

Status check_options(const KernelBenchOptions& options) {
  std::vector<std::string_view> formats, isas;
  for (const Format& format : kFormats)
    if (format.stores_weights) formats.push_back(format.name);
  for (const KernelTable* table : available_kernels()) isas.push_back(table->name);
  NIBBLE_CHECK_OK(check_names("--kernel", options.kernels, kernel_names()));
  NIBBLE_CHECK_OK(check_names("--format", options.formats, formats));
  return check_names("--isa", options.isas, isas);
}

}  // namespace

Result<std::vector<BenchRow>> run_kernel_bench(const KernelBenchOptions& options,
                                               const BenchProgress& progress) {
  constexpr int kCeilingRepeats = 4;
  NIBBLE_CHECK_OK(check_options(options));
  const std::shared_ptr<KernelData> data = make_kernel_data();
  std::vector<KernelCase> cases;
  const KernelTable* best_table = nullptr;
  for (const KernelTable* table : available_kernels()) {
    best_table = table;  // worst first
    if (!is_chosen(options.isas, table->name)) continue;
    for (KernelCase& kernel : kernel_cases(*table, options, data)) cases.push_back(std::move(kernel));
  }
  if (cases.empty())
    return fail(ErrorKind::kInvalidArgument, "no kernel is of both this --kernel and this --format");
  ThreadPool pool(1);
  CeilingMeter meter(*best_table, pool, 0, fast_bf16(*best_table));
  StoreCeilings stores(cases);
  Ceilings best;
  size_t done = 0;
  for (int repeat = -1; repeat < options.repeats; ++repeat) {
    const Ceilings now = meter.measure(kCeilingRepeats);
    best.keep_best(now);
    stores.measure();
    for (KernelCase& kernel : cases) {
      if (progress) progress(done++, cases.size() * size_t(options.repeats + 1));
      if (repeat < 0)
        fit_calls(kernel);
      else
        kernel.row.add_sample(seconds_of_calls(kernel), stores.now(kernel, now));
    }
  }
  if (progress) progress(done, done);
  best.keep_best(meter.measure(kCeilingRepeats));
  stores.measure();
  for (const KernelCase& kernel : cases) stores.include(kernel);
  std::vector<BenchRow> rows;
  for (KernelCase& kernel : cases) {
    kernel.row.ceilings = stores.best(kernel, best);
    rows.push_back(std::move(kernel.row));
  }
  return rows;
}

}  // namespace nibble
