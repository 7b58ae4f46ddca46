// A run as one HTML page that needs nothing else: roofline, history and distribution, each with its figures
// as a table.
#pragma once
#include <span>
#include <string>

#include "measure/bench_gate.h"
#include "measure/history.h"

namespace nibble {

// `history`: earlier runs like this one, oldest first, may be empty. `gate` and `against`: what it was
// compared with, or null. The page is well-formed XML.
std::string bench_page(const BenchRun& run, std::span<const BenchRun> history, const GateReport* gate,
                       const std::string& against);

}  // namespace nibble
