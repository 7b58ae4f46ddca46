#include "measure/bench_gate.h"

#include <algorithm>
#include <cmath>

namespace nibble {
namespace {

std::string label(const BenchRow& row) {
  return concat(row.name, row.kernel.empty() ? "" : concat(", ", row.isa));
}

bool same_work(const BenchRow& a, const BenchRow& b) {
  const auto near = [](double x, double y) {
    return std::fabs(x - y) <= 1e-6 * std::max(std::fabs(x), std::fabs(y));
  };
  return a.isa == b.isa && a.cached == b.cached && near(a.tokens, b.tokens) &&
         near(a.integer_macs / a.operations, b.integer_macs / b.operations) &&
         near(a.float_macs / a.operations, b.float_macs / b.operations) &&
         near(a.bytes / a.operations, b.bytes / b.operations);
}

const BenchRow* find_row(const BenchRun& run, const BenchRow& wanted) {
  for (const BenchRow& row : run.rows)
    if (row.name == wanted.name && row.isa == wanted.isa) return &row;
  return nullptr;
}

// Each sample's share of the ceiling. The ceiling of a run is the median over its rounds: one round's may
// have been disturbed.
void add_shares(const BenchRow& row, std::vector<double>& shares) {
  std::vector<double> least;
  for (const BenchSample& sample : row.samples) least.push_back(sample.least_seconds);
  const double ceiling = median(std::move(least));
  for (const BenchSample& sample : row.samples) shares.push_back(ceiling / sample.seconds);
}

void add_speeds(const BenchRow& row, std::vector<double>& speeds) {
  for (const BenchSample& sample : row.samples) speeds.push_back(row.operations / sample.seconds);
}

struct Samples {
  std::vector<double> shares, speeds;
  void add(const BenchRow& row) { add_shares(row, shares), add_speeds(row, speeds); }
};

RowComparison compare_row(const BenchRow& row, const Samples& before, const Samples& now) {
  RowComparison result;
  result.name = row.name, result.isa = row.isa;
  const double base = median(before.shares), current = median(now.shares);
  result.before_percent = 100 * base, result.now_percent = 100 * current;
  result.ratio = current / base;
  result.ratio_interval = ratio_interval(before.shares, now.shares);
  result.raw_ratio = median(now.speeds) / median(before.speeds);
  result.p_value = mann_whitney_p(before.shares, now.shares);
  result.before_samples = before.shares.size(), result.now_samples = now.shares.size();
  return result;
}

void judge(GateReport& report, const GateOptions& options) {
  std::vector<double> p_values, least;
  for (const RowComparison& row : report.rows) {
    p_values.push_back(row.p_value);
    least.push_back(least_mann_whitney_p(row.before_samples, row.now_samples) * double(report.rows.size()));
  }
  report.too_few_samples = *std::min_element(least.begin(), least.end()) > options.level;
  const std::vector<double> adjusted = holm_adjusted(p_values);
  const double limit = 1 + options.threshold_percent / 100;
  for (size_t i = 0; i < report.rows.size(); ++i) {
    RowComparison& row = report.rows[i];
    row.p_value = adjusted[i];
    if (row.p_value > options.level) continue;
    if (row.ratio > limit) row.verdict = Verdict::kFaster, ++report.faster;
    if (row.ratio < 1 / limit) row.verdict = Verdict::kSlower, ++report.slower;
  }
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame:
      return "same";
    case Verdict::kFaster:
      return "faster";
    case Verdict::kSlower:
      return "slower";
  }
  return "same";
}

Result<GateReport> compare_with(const BenchRun& now, std::span<const BenchRun> before,
                                const GateOptions& options) {
  GateReport report;
  for (const BenchRow& row : now.rows) {
    Samples base, current;
    for (const BenchRun& run : before) {
      const BenchRow* const earlier = find_row(run, row);
      if (earlier && same_work(row, *earlier)) base.add(*earlier);
    }
    current.add(row);
    if (base.shares.empty())
      report.unmatched.push_back(label(row));
    else
      report.rows.push_back(compare_row(row, base, current));
  }
  if (report.rows.empty())
    return fail(ErrorKind::kNotFound, "\"", before.empty() ? "" : before.front().name,
                "\" has none of the rows of this run; measure the same -p, -n, -d and -b");
  judge(report, options);
  return report;
}

}  // namespace nibble
