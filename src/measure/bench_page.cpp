#include "measure/bench_page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "measure/statistics.h"
#include "measure/svg_chart.h"

namespace nibble {
namespace {

// Charts show so many rows; the tables have all.
constexpr size_t kShownRows = 40, kShownLines = SvgChart::kSeries, kNamedPoints = 12;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --text: #1c1e21; --back: #ffffff; --soft: #d6d9de; --mild: #5b6270;
  --c0: #2266cc; --c1: #c4501b; --c2: #1e8449; --c3: #8e44ad; --c4: #b7950b; --c5: #117a8b; --c6: #c2185b; --c7: #5d6d7e; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --back: #16181c; --soft: #3a3f47; --mild: #a2a9b4;
  --c0: #6ea8ff; --c1: #ff9a62; --c2: #5fd38a; --c3: #c792ea; --c4: #e6c84f; --c5: #4dd0e1; --c6: #ff7aa8; --c7: #aab7c4; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } p { color: var(--mild); margin: 0.3rem 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.85rem; margin: 0.6rem 0; }
th, td { border-bottom: 1px solid var(--soft); padding: 0.2rem 0.6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } .slower { color: var(--c1); font-weight: 600; } .faster { color: var(--c2); font-weight: 600; }
svg { width: 100%; height: auto; } svg text { fill: var(--mild); font-size: 12px; } .mid { text-anchor: middle; } .end { text-anchor: end; }
.grid { stroke: var(--soft); stroke-width: 0.6; } .axis { stroke: var(--mild); fill: none; }
.line { fill: none; stroke-width: 1.6; } .dashed { stroke-dasharray: 5 4; } .box { fill-opacity: 0.25; stroke-width: 1; }
.s0 { fill: var(--c0); stroke: var(--c0); } .s1 { fill: var(--c1); stroke: var(--c1); } .s2 { fill: var(--c2); stroke: var(--c2); }
.s3 { fill: var(--c3); stroke: var(--c3); } .s4 { fill: var(--c4); stroke: var(--c4); } .s5 { fill: var(--c5); stroke: var(--c5); }
.s6 { fill: var(--c6); stroke: var(--c6); } .s7 { fill: var(--c7); stroke: var(--c7); } .line { fill: none !important; }
)";

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[200];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string label(const BenchRow& row) {
  return row.kernel.empty() ? row.name : concat(row.name, ", ", row.isa);
}
double macs(const BenchRow& row) { return row.integer_macs + row.float_macs; }
double bytes(const BenchRow& row) { return row.bytes + row.bytes_written; }

class Table {
 public:
  explicit Table(std::initializer_list<std::string_view> heads) {
    text_ = "<div class=\"wide\"><table><thead><tr>";
    for (const std::string_view head : heads) text_ += concat("<th>", html_text(head), "</th>");
    text_ += "</tr></thead><tbody>\n";
  }
  void row(std::initializer_list<std::string> cells, std::string_view style = "") {
    text_ += style.empty() ? "<tr>" : concat("<tr class=\"", style, "\">");
    for (const std::string& cell : cells) text_ += concat("<td>", html_text(cell), "</td>");
    text_ += "</tr>\n";
  }
  std::string finish() { return std::move(text_) + "</tbody></table></div>\n"; }

 private:
  std::string text_;
};

std::string speed(const BenchRow& row) {
  if (row.tokens > 0) return formatted("%.2f tokens/s", row.tokens / row.median_seconds());
  return formatted("%.1f ns", row.median_seconds() / row.operations * 1e9);
}

std::string results(const BenchRun& run) {
  Table table({"row", "speed, median", "GMAC/s", "GB/s", "of the ceiling, best sample", "limited by"});
  for (const BenchRow& row : run.rows)
    table.row({label(row), speed(row), formatted("%.2f", row.gmac_per_s()), formatted("%.2f", row.gb_per_s()),
               formatted("%.1f %%", row.percent_of_ceiling()), row.limited_by()});
  return "<h2>Results</h2>\n" + table.finish();
}

// Multiply-adds a second over multiply-adds a byte, with the run's ceilings.
std::string roofline(const BenchRun& run) {
  std::vector<const BenchRow*> rows;
  for (const BenchRow& row : run.rows)
    if (macs(row) > 0 && bytes(row) > 0) rows.push_back(&row);
  if (rows.empty()) return "";
  const Ceilings& limits = rows.front()->ceilings;
  const double slope = rows.front()->cached ? limits.cache_gb_per_s : limits.read_gb_per_s;
  const double top = std::max({limits.int8_gmac_per_s, limits.f32_gmac_per_s, limits.bf16_gmac_per_s});
  double low = top / slope, high = low, least = top;
  for (const BenchRow* row : rows) {
    const double intensity = macs(*row) / bytes(*row);
    low = std::min(low, intensity), high = std::max(high, intensity),
    least = std::min(least, row->gmac_per_s());
  }
  low /= 2, high *= 2;
  SvgChart chart("Roofline: multiply-adds per second over multiply-adds per byte",
                 {"multiply-adds per byte", low, high, true},
                 {"GMAC/s", std::min(least, low * slope) / 1.5, top * 2, true});
  const auto roof = [&](double peak, int series, const char* name) {
    const double knee = std::clamp(peak / slope, low, high);
    chart.line({{low, std::min(peak, low * slope)},
                {knee, std::min(peak, knee * slope)},
                {high, std::min(peak, high * slope)}},
               series, true);
    chart.label(knee, peak, formatted("%s %.0f GMAC/s", name, peak));
  };
  roof(limits.int8_gmac_per_s, 7, "int8"), roof(limits.f32_gmac_per_s, 7, "f32");
  if (limits.bf16_gmac_per_s > 0) roof(limits.bf16_gmac_per_s, 7, "bf16");
  chart.label(low, low * slope * 2,
              formatted("%s %.1f GB/s", rows.front()->cached ? "cache" : "memory", slope));
  Table table({"row", "multiply-adds per byte", "GMAC/s", "share that is int8", "of the ceiling"});
  for (size_t i = 0; i < rows.size(); ++i) {
    const BenchRow& row = *rows[i];
    chart.point(macs(row) / bytes(row), row.gmac_per_s(), int(i),
                formatted("%s: %.1f GMAC/s, %.1f %% of the ceiling", label(row).c_str(), row.gmac_per_s(),
                          row.percent_of_ceiling()));
    if (rows.size() <= kNamedPoints) chart.label(macs(row) / bytes(row), row.gmac_per_s(), label(row));
    table.row({label(row), formatted("%.2f", macs(row) / bytes(row)), formatted("%.2f", row.gmac_per_s()),
               formatted("%.0f %%", 100 * row.integer_macs / macs(row)),
               formatted("%.1f %%", row.percent_of_ceiling())});
  }
  return "<h2>Roofline</h2>\n<p>Work at the best sample; dashed: what this machine allows, measured in the "
         "same run.</p>\n" +
         chart.finish() + table.finish();
}

double share(const BenchRow& row) {
  std::vector<double> least;
  for (const BenchSample& sample : row.samples) least.push_back(sample.least_seconds);
  return 100 * median(std::move(least)) / row.median_seconds();
}

const BenchRow* find_row(const BenchRun& run, const BenchRow& wanted) {
  for (const BenchRow& row : run.rows)
    if (row.name == wanted.name && row.isa == wanted.isa) return &row;
  return nullptr;
}

// The share of the ceiling, run after run.
std::string history_chart(const BenchRun& run, std::span<const BenchRun> history) {
  std::vector<const BenchRun*> runs;
  for (const BenchRun& earlier : history) runs.push_back(&earlier);
  runs.push_back(&run);
  const size_t lines = std::min(run.rows.size(), kShownLines);
  double top = 0;
  for (const BenchRun* one : runs)
    for (size_t i = 0; i < lines; ++i)
      if (const BenchRow* row = find_row(*one, run.rows[i])) top = std::max(top, share(*row));
  SvgChart chart("History: median share of the ceiling, run after run",
                 {"run", 0.5, double(runs.size()) * 1.25 + 0.5, false, true},  // room for the names
                 {"percent of the ceiling", 0, top * 1.1, false});
  Table table({"row", "run", "when", "name", "speed, median", "of the ceiling, median"});
  for (size_t i = 0; i < run.rows.size(); ++i) {
    std::vector<std::pair<double, double>> points;
    for (size_t r = 0; r < runs.size(); ++r) {
      const BenchRow* const row = find_row(*runs[r], run.rows[i]);
      if (!row) continue;
      const bool now = runs[r] == &run;
      const std::string name = now ? "this run" : runs[r]->name;
      const double x = double(r + 1), percent = share(*row);
      table.row({label(*row), formatted("%zu", r + 1), now ? "now" : runs[r]->time, name, speed(*row),
                 formatted("%.1f %%", percent)});
      if (i >= lines) continue;
      points.emplace_back(x, percent);
      chart.point(x, percent, int(i),
                  concat(label(*row), ", ", name, ": ", formatted("%.1f %%, ", percent), speed(*row)));
    }
    if (points.empty()) continue;
    chart.line(points, int(i));
    chart.label(points.back().first, points.back().second, label(run.rows[i]));
  }
  const std::string cut = lines < run.rows.size() ? concat(" The first ", lines, " rows.") : "";
  return concat(
      "<h2>History</h2>\n<p>Median share of the ceiling of each run with this model, machine and number of "
      "threads.",
      cut, "</p>\n", chart.finish(), table.finish());
}

double quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  const double at = part * double(values.size() - 1);
  const size_t below = size_t(at);
  return below + 1 < values.size()
             ? values[below] + (at - double(below)) * (values[below + 1] - values[below])
             : values[below];
}

// Every sample as a point, the middle half as a box.
std::string distribution(const BenchRun& run) {
  const size_t shown = std::min(run.rows.size(), kShownRows);
  std::vector<std::string> names;
  double low = 1, high = 1;
  const auto relative = [](const BenchRow& row) {
    std::vector<double> speeds;
    for (const BenchSample& sample : row.samples) speeds.push_back(row.median_seconds() / sample.seconds);
    return speeds;
  };
  for (size_t i = 0; i < shown; ++i) {
    names.push_back(label(run.rows[i]));
    for (const double speed : relative(run.rows[i])) low = std::min(low, speed), high = std::max(high, speed);
  }
  const double margin = std::max(0.005, (high - low) / 20);
  SvgChart chart("Distribution: speed of every sample relative to its row's median",
                 {"speed, 1 is the row's median", low - margin, high + margin, false}, {}, names,
                 60 + 24 * int(shown));
  Table table({"row", "samples", "slowest", "lower quarter", "median", "upper quarter", "fastest"});
  for (size_t i = 0; i < run.rows.size(); ++i) {
    const std::vector<double> speeds = relative(run.rows[i]);
    const double lower = quantile(speeds, 0.25), upper = quantile(speeds, 0.75);
    table.row({label(run.rows[i]), formatted("%zu", speeds.size()), formatted("%.3f", quantile(speeds, 0)),
               formatted("%.3f", lower), speed(run.rows[i]), formatted("%.3f", upper),
               formatted("%.3f", quantile(speeds, 1))});
    if (i >= shown) continue;
    const double y = double(i);
    chart.box(lower, y + 0.2, upper, y + 0.8, int(i), formatted("middle half: %.3f to %.3f", lower, upper));
    for (const double one : speeds) chart.point(one, y + 0.5, int(i), formatted("%.4f", one));
  }
  const std::string cut = shown < run.rows.size() ? concat(" The first ", shown, " rows.") : "";
  return concat("<h2>Distribution</h2>\n<p>Every sample; boxes hold the middle half.", cut, "</p>\n",
                chart.finish(), table.finish());
}

std::string comparison(const GateReport& gate, const std::string& against) {
  Table table({"row", "before", "now", "ratio", "95 %", "p", "verdict"});
  for (const RowComparison& row : gate.rows)
    table.row({concat(row.name, ", ", row.isa), formatted("%.1f %%", row.before_percent),
               formatted("%.1f %%", row.now_percent), formatted("%.3f", row.ratio),
               formatted("%.3f to %.3f", row.ratio_interval.low, row.ratio_interval.high),
               formatted("%.2g", row.p_value), verdict_name(row.verdict)},
              row.verdict == Verdict::kSame ? "" : verdict_name(row.verdict));
  return concat("<h2>Against ", html_text(against), "</h2>\n<p>", gate.slower, gate.slower == 1 ? " row" : " rows", " slower, ", gate.faster,
                " faster. Compared are shares of each run's ceiling.</p>\n", table.finish());
}

}  // namespace

std::string bench_page(const BenchRun& run, std::span<const BenchRun> history, const GateReport* gate,
                       const std::string& against) {
  const std::string title = concat("nibble bench: ", run.subject);
  std::string page = concat(
      "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\"><head><meta "
      "charset=\"utf-8\"/>",
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><title>", html_text(title),
      "</title><style>", kStyle, "</style></head><body>\n<h1>", html_text(title), "</h1>\n<p>",
      html_text(run.machine), "; ", run.threads, run.threads == 1 ? " thread" : " threads", "; nibble ",
      html_text(run.version), "</p>\n");
  if (!run.rows.empty()) {
    page += results(run);
    if (gate) page += comparison(*gate, against);
    page += roofline(run) + history_chart(run, history) + distribution(run);
  }
  return page + "</body></html>\n";
}

}  // namespace nibble
