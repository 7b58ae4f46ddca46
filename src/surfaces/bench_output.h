// Rows of a benchmark and comparisons of runs as Markdown, CSV and JSON.
#pragma once
#include <string>

#include "measure/bench_gate.h"
#include "measure/history.h"

namespace nibble {

std::string bench_markdown(const BenchRun& run);
std::string bench_csv(const BenchRun& run);
// One array, an object a row: llama-bench's field names where it has them, then ours. `gate` may be null.
std::string bench_json(const BenchRun& run, int64_t batch, const GateReport* gate);
// `against`: the name compared with.
std::string gate_markdown(const GateReport& report, const std::string& against, const GateOptions& options);

}  // namespace nibble
