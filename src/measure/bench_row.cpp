#include "measure/bench_row.h"

#include <algorithm>
#include <cmath>

#include "measure/statistics.h"

namespace nibble {
namespace {

double compute_seconds(const BenchRow& row, const Ceilings& limits) {
  double seconds = 0;
  if (row.integer_macs > 0) seconds += row.integer_macs / limits.int8_gmac_per_s / 1e9;
  if (row.float_macs > row.bf16_macs) seconds += (row.float_macs - row.bf16_macs) / limits.f32_gmac_per_s / 1e9;
  if (row.bf16_macs > 0) seconds += row.bf16_macs / limits.bf16_gmac_per_s / 1e9;
  return seconds;
}
// Reads and writes may overlap. What a model writes stays in caches and is not counted.
double transfer_seconds(const BenchRow& row, const Ceilings& limits) {
  if (!row.cached) return row.bytes / limits.read_gb_per_s / 1e9;
  return std::max(row.bytes / limits.cache_gb_per_s, row.bytes_written / limits.store_gb_per_s) / 1e9;
}

std::vector<double> seconds_of(const BenchRow& row) {
  std::vector<double> seconds;
  for (const BenchSample& sample : row.samples) seconds.push_back(sample.seconds);
  return seconds;
}

}  // namespace

double BenchRow::average_rate() const {
  double sum = 0;
  for (const BenchSample& s : samples) sum += tokens / s.seconds;
  return sum / double(samples.size());
}

double BenchRow::deviation_of_rate() const {
  const double mean = average_rate();
  double squares = 0;
  for (const BenchSample& s : samples) squares += (tokens / s.seconds - mean) * (tokens / s.seconds - mean);
  return samples.size() > 1 ? std::sqrt(squares / double(samples.size() - 1)) : 0;
}

double BenchRow::best_seconds() const {
  const std::vector<double> seconds = seconds_of(*this);
  return *std::min_element(seconds.begin(), seconds.end());
}

double BenchRow::median_seconds() const { return median(seconds_of(*this)); }

double BenchRow::least_seconds(const Ceilings& limits) const {
  return std::max(compute_seconds(*this, limits), transfer_seconds(*this, limits));
}

const char* BenchRow::limited_by() const {
  if (compute_seconds(*this, ceilings) > transfer_seconds(*this, ceilings)) return "compute";
  return cached ? "cache" : "bandwidth";
}

}  // namespace nibble
