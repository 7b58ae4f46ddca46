// Speed of a model, each row beside the least time this machine could need for the same work: its
// multiply-adds at the peak rate of their unit, or its bytes at the streaming bandwidth, whichever takes
// longer, with ceilings measured in the same run.
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "measure/bench_row.h"

namespace nibble {

struct BenchOptions {
  std::vector<int64_t> prompts{512};  // prefill lengths; a 0 is skipped
  int64_t generate = 64;              // tokens decoded per sequence; 0: none
  std::vector<int64_t> depths{0};     // positions in the KV cache before
  std::vector<int64_t> columns{1};    // sequences that decode together
  int repeats = 5;                    // samples a row
};

// What the engine must be opened with: positions of a session, and sessions, as every depth keeps its
// sequences.
int64_t bench_context(const BenchOptions& options);
int64_t bench_sessions(const BenchOptions& options);

// Told before every sample, and at the end: how many of all are done.
using BenchProgress = std::function<void(size_t done, size_t total)>;

// Runs every combination. Samples of all rows take turns, one of each a round, and every round measures the
// ceilings: what drifts, drifts for all. Token ids are pseudo-random; they do not matter for speed.
Result<std::vector<BenchRow>> run_bench(Engine& engine, const BenchOptions& options,
                                        const BenchProgress& progress = {});

// "512" or "1,8,32": whole numbers from `low` to `high`. The error names `flag`.
Result<std::vector<int64_t>> parse_counts(std::string_view flag, std::string_view text, int64_t low,
                                          int64_t high);

}  // namespace nibble
