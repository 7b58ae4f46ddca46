// The page of a run: well-formed, complete, and safe whatever names stand in it.
#include "measure/bench_page.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <cstring>

#include "measure/svg_chart.h"

namespace nibble {
namespace {

// Reads markup as XML: elements closed in order, attributes quoted, no stray & or <. Empty: it is
// well-formed.
std::string markup_error(std::string_view text) {
  std::vector<std::string> open;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '&') {
      const size_t end = text.find(';', at);
      if (end == std::string_view::npos || end - at > 8) return "a stray & at " + std::to_string(at);
      at = end + 1;
      continue;
    }
    if (text[at] != '<') {
      if (text[at] == '>') return "a stray > at " + std::to_string(at);
      ++at;
      continue;
    }
    const size_t end = text.find('>', at);
    if (end == std::string_view::npos) return "a tag without an end";
    std::string_view tag = text.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.starts_with("!DOCTYPE")) continue;
    if (std::count(tag.begin(), tag.end(), '"') % 2) return "quotes in " + std::string(tag);
    if (tag.find('<') != std::string_view::npos) return "a stray < before " + std::string(tag);
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return "closed too early: " + std::string(tag);
      open.pop_back();
      continue;
    }
    if (tag.ends_with('/')) continue;
    open.emplace_back(tag.substr(0, tag.find(' ')));
    if (open.back() == "style") at = text.find("</style>", at);  // its text is CSS
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

BenchRun make_run(int rows, bool kernels = false) {
  BenchRun run;
  run.subject = kernels ? kKernelSubject : "<model> & \"co\" \xff\xed\xa0\x80\x01.gguf";
  run.machine = "CPU <1>", run.version = "0.1.0", run.threads = 2;
  for (int i = 0; i < rows; ++i) {
    BenchRow& row = run.rows.emplace_back();
    row.name = "row <" + std::to_string(i) + "> & more", row.isa = "avx2",
    row.kernel = kernels ? "matmul" : "";
    row.tokens = kernels ? 0 : 64, row.cached = kernels;
    row.integer_macs = i % 3 == 0 ? 1e9 * (i + 1) : 0, row.float_macs = i % 2 ? 1e8 : 0, row.bytes = (i + 1) % 4 ? 1e8 : 0;
    if (row.integer_macs + row.bytes == 0) row.bytes_written = row.bytes = 1e6;
    row.ceilings = {50, 100, 110, 400, 100};
    for (int s = 0; s < 3; ++s) row.add_sample(0.1 + 0.01 * s + 0.05 * i, row.ceilings);
  }
  return run;
}

TEST(BenchPage, IsWellFormedAndHoldsEveryRow) {
  for (const int rows : {0, 1, 2, 7, 100})
    for (const bool kernels : {false, true}) {
      const BenchRun run = make_run(rows, kernels);
      std::vector<BenchRun> history;
      for (int i = 0; i < 3; ++i) {
        history.push_back(make_run(rows > 1 ? rows - i % 2 : rows, kernels));
        history.back().name = "a <b> " + std::to_string(i), history.back().time = "2026-11-20 12:00:00";
      }
      const auto gate = compare_with(run, history, {});
      const std::string page = bench_page(run, history, gate ? &*gate : nullptr, "base \"1\" & <2>");
      EXPECT_EQ(markup_error(page), "") << rows;
      EXPECT_EQ(count(page, "<script"), 0u);
      EXPECT_EQ(count(page, "http"), count(page, "http://www.w3.org/")) << "nothing is fetched";
      if (rows == 0) continue;
      EXPECT_EQ(count(page, "<h2>"), 5u);
      EXPECT_EQ(count(page, "<svg"), 3u);
      EXPECT_GE(count(page, "row &lt;0&gt; &amp; more"), 3u);
      EXPECT_GE(count(page, concat("row &lt;", rows - 1, "&gt; &amp; more")), 3u);
      EXPECT_EQ(count(page, "nan"), 0u);
      EXPECT_EQ(count(page, "inf,"), 0u);
    }
}

TEST(HtmlText, EscapesAndRepairs) {
  EXPECT_EQ(html_text("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  EXPECT_EQ(html_text("é\n\x01"), "é  ");
  EXPECT_EQ(html_text("\xff\xc3"), "\uFFFD\uFFFD");
  EXPECT_EQ(html_text("\xed\xa0\x80"), "\uFFFD");
}

TEST(AxisTicks, AreRoundAndInside) {
  EXPECT_EQ(axis_ticks({"", 0, 10, false}), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(axis_ticks({"", 1, 10, true}), (std::vector<double>{1, 2, 5, 10}));
  for (const auto& [low, high] : {std::pair(1e-9, 2e-9), {3.0, 3.001}, {-5.0, 7e6}, {0.97, 1.2}}) {
    const std::vector<double> ticks = axis_ticks({"", low, high, false});
    EXPECT_GE(ticks.size(), 3u);
    EXPECT_LE(ticks.size(), 20u);
    EXPECT_GE(ticks.front(), low - 1e-9 * std::fabs(low));
    EXPECT_LE(ticks.back(), high * (1 + 1e-6) + 1e-15);
  }
  const std::vector<double> decades = axis_ticks({"", 1e-3, 1e5, true});
  EXPECT_EQ(decades.size(), 9u);
}

// Where labels stand: (x, y) as written, and whether the text ends there.
struct Placed {
  double x, y;
  bool end;
};
std::vector<Placed> placed(const std::string& svg, const std::string& text) {
  std::vector<Placed> found;
  for (size_t at = 0; (at = svg.find(">" + text + "<", at)) != std::string::npos; ++at) {
    const std::string element = svg.substr(svg.rfind("<text", at), at - svg.rfind("<text", at));
    const auto number = [&](const char* name) { return std::stod(element.substr(element.find(name) + std::strlen(name))); };
    found.push_back({number(" x=\""), number(" y=\""), element.find("class=\"end\"") != std::string::npos});
  }
  return found;
}

TEST(SvgChart, LabelsOfOnePlaceStandApart) {
  SvgChart chart("", {"x", 0, 1}, {"y", 0, 1});
  for (int i = 0; i < 5; ++i) chart.label(0.5, 0.5, "same place");
  const std::vector<Placed> labels = placed(chart.finish(), "same place");
  ASSERT_EQ(labels.size(), 5u);
  for (size_t i = 0; i < labels.size(); ++i)
    for (size_t j = 0; j < i; ++j) EXPECT_GE(std::fabs(labels[i].y - labels[j].y), 13.0) << i << " and " << j;
}

TEST(SvgChart, LabelsStayInsideTheEdges) {
  SvgChart chart("", {"x", 0, 1}, {"y", 0, 1});
  chart.label(1, 1, "at the right upper corner");
  chart.label(0, 0, "left");
  const std::string svg = chart.finish();
  const std::vector<Placed> corner = placed(svg, "at the right upper corner"), left = placed(svg, "left");
  ASSERT_EQ(corner.size(), 1u);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_TRUE(corner[0].end);
  EXPECT_LT(corner[0].x, 760.0);
  EXPECT_GE(corner[0].y, 12.0);
  EXPECT_FALSE(left[0].end);
}

}  // namespace
}  // namespace nibble
