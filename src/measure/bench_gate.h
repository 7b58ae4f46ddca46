// Compares a run with earlier ones and says which rows became slower or faster by more than chance and by
// more than a threshold. What is compared is each sample's share of its run's ceiling, as absolute times of a
// shared machine move by the hour.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "measure/history.h"
#include "measure/statistics.h"

namespace nibble {

struct GateOptions {
  double threshold_percent = 3;  // smaller changes are none
  double level = 0.05;           // chance of a false alarm in the whole comparison
};

enum class Verdict { kSame, kFaster, kSlower };
const char* verdict_name(Verdict verdict);  // "same", "faster", "slower"

struct RowComparison {
  std::string name, isa;
  double before_percent = 0, now_percent = 0;  // of the ceiling, medians over samples
  double ratio = 1;                            // of these; above 1: faster
  Interval ratio_interval;                     // 95 %
  double raw_ratio = 1;                        // of the speeds as measured
  double p_value = 1;                          // Holm-adjusted over all rows
  size_t before_samples = 0, now_samples = 0;
  Verdict verdict = Verdict::kSame;
};

struct GateReport {
  std::vector<RowComparison> rows;     // in the order of the run
  std::vector<std::string> unmatched;  // rows that only one side has, or with other work
  int slower = 0, faster = 0;
  bool too_few_samples = false;  // for any change to be more than chance
};

// Samples of all `before` runs count together. kNotFound when no row is in both.
Result<GateReport> compare_with(const BenchRun& now, std::span<const BenchRun> before,
                                const GateOptions& options);

}  // namespace nibble
