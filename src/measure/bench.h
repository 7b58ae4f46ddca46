// Speed of a model, each row beside the least time this machine could need for the same work: its multiply-adds at the peak
// rate of their unit, or its bytes at the streaming bandwidth, whichever takes longer, with ceilings measured in the same run.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "measure/ceilings.h"

namespace nibble {

struct BenchOptions {
  std::vector<int64_t> prompts{512};  // prefill lengths; a 0 is skipped
  int64_t generate = 64;              // tokens decoded per sequence; 0: none
  std::vector<int64_t> depths{0};     // positions in the KV cache before
  std::vector<int64_t> columns{1};    // sequences that decode together
  int repeats = 3;
};

struct BenchRow {
  int64_t prompt = 0, generate = 0, depth = 0, columns = 1;  // prompt or generate is 0
  std::vector<double> seconds;                               // a sample each
  double tokens = 0;                                         // a sample computes, all columns together
  double integer_macs = 0, float_macs = 0, bytes = 0;        // of one sample
  Ceilings ceilings;                                         // the best seen before and after the row
  double average_rate() const;                               // tokens/s, mean over samples
  double deviation_of_rate() const;
  double best_seconds() const;
  double least_seconds() const;  // what the ceilings allow
  const char* limited_by() const;  // "compute" or "bandwidth"
  double percent_of_ceiling() const { return 100 * least_seconds() / best_seconds(); }
};

// Runs every combination and hands each row to `sink` as it is done. Token ids are pseudo-random; they do not matter for speed.
Status run_bench(Engine& engine, const BenchOptions& options, const std::function<Status(const BenchRow&)>& sink);

// "512" or "1,8,32": whole numbers from `low` to `high`. The error names `flag`.
Result<std::vector<int64_t>> parse_counts(std::string_view flag, std::string_view text, int64_t low, int64_t high);

}  // namespace nibble
