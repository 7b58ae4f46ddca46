// One row of a benchmark, of a model or of a kernel: the work of a sample, the samples, and the least time
// that this machine's ceilings, measured in the same run, allow for that work.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "measure/ceilings.h"

namespace nibble {

struct BenchSample {
  double seconds = 0;
  double least_seconds = 0;  // what the ceilings of its round allow
};

struct BenchRow {
  std::string name;    // with `isa` the row's own in its run: "tg64 x8 @ d4096", "matmul Q4_K x8"
  std::string isa;     // the kernel table's name
  std::string kernel;  // "matmul", ...; empty for rows of a model
  std::string format;  // of a kernel's weights; empty for others
  std::string kv_type; // of a model: how keys and values are kept
  int64_t prompt = 0, generate = 0, depth = 0, columns = 1;  // of a model: prompt or generate is 0
  double tokens = 0;      // a sample computes, all columns together; 0 for kernels
  double operations = 1;  // passes or calls a sample holds: their time is what "ns" means for kernels
  double integer_macs = 0, float_macs = 0, bytes = 0;  // of one sample; bytes are those read
  double bf16_macs = 0;  // those of float_macs that the unit of --fast-bf16 does; the history does not keep them
  double bytes_written = 0;
  bool cached = false;               // bytes come from a cache, and go there
  Ceilings ceilings;                 // the best seen in the run
  std::vector<BenchSample> samples;  // in the order of the rounds

  double average_rate() const;  // tokens/s, mean over samples
  double deviation_of_rate() const;
  double best_seconds() const;
  double median_seconds() const;
  double least_seconds(const Ceilings& limits) const;
  const char* limited_by() const;  // "compute", "bandwidth" or "cache"
  double percent_of_ceiling() const { return 100 * least_seconds(ceilings) / best_seconds(); }
  double gmac_per_s() const { return (integer_macs + float_macs) / best_seconds() / 1e9; }
  double gb_per_s() const { return (bytes + bytes_written) / best_seconds() / 1e9; }
  void add_sample(double seconds, const Ceilings& now) { samples.push_back({seconds, least_seconds(now)}); }
};

}  // namespace nibble
