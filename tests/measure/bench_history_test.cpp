// Runs kept in SQLite, and the gate that compares with them: on synthetic samples, as timings never fail a
// test.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "measure/bench_gate.h"
#include "measure/history.h"

namespace nibble {
namespace {

class BenchHistory : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("history_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    path_ = (folder_ / "deeper" / "bench.sqlite").string();
    if (const auto opened = History::open(path_, History::Mode::kSave);
        !opened && opened.error().kind == ErrorKind::kUnsupported)
      GTEST_SKIP() << opened.error().message << ": get libsqlite3-dev";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  History open(History::Mode mode) {
    auto history = History::open(path_, mode);
    EXPECT_TRUE(history) << history.error().message;
    return *std::move(history);
  }
  std::filesystem::path folder_;
  std::string path_;
};

BenchRun synthetic_run(const std::string& name, double slowdown, uint64_t seed, int rows = 4,
                       size_t samples = 8) {
  BenchRun run;
  run.name = name, run.version = "0.1.0", run.machine = "test \"machine\"", run.subject = "m'odel.gguf";
  run.model_bytes = 1ull << 40, run.threads = 2;
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> noise(0, 0.01);
  const double drift = 0.8 + 0.05 * double(seed % 9);  // the machine's hour: moves ceilings and times alike
  for (int i = 0; i < rows; ++i) {
    BenchRow& row = run.rows.emplace_back();
    row.name = "row " + std::to_string(i), row.isa = "avx2", row.generate = 64, row.columns = 1 + i;
    row.tokens = 64, row.operations = 64, row.integer_macs = 1e9, row.float_macs = 1e7 * i, row.bytes = 5e8;
    row.ceilings = {50 * drift, 300, 310, 400, 100};
    for (size_t s = 0; s < samples; ++s)
      row.add_sample(0.02 / drift * (i == 1 ? slowdown : 1) * noise(random), row.ceilings);
  }
  return run;
}

TEST_F(BenchHistory, WhatIsSavedComesBack) {
  const BenchRun saved = synthetic_run("first", 1, 1);
  ASSERT_TRUE(open(History::Mode::kSave).save(saved));
  ASSERT_TRUE(open(History::Mode::kSave).save(synthetic_run("first", 1, 2)));
  ASSERT_TRUE(open(History::Mode::kSave).save(synthetic_run("second", 1, 3)));
  History history = open(History::Mode::kRead);
  const auto runs = history.load("first", saved);
  ASSERT_TRUE(runs) << runs.error().message;
  ASSERT_EQ(runs->size(), 2u);
  const BenchRun& run = (*runs)[1];  // the oldest is last
  EXPECT_EQ(run.machine, saved.machine);
  EXPECT_EQ(run.subject, saved.subject);
  EXPECT_EQ(run.model_bytes, saved.model_bytes);
  EXPECT_EQ(run.time.size(), 19u);
  ASSERT_EQ(run.rows.size(), saved.rows.size());
  for (size_t i = 0; i < run.rows.size(); ++i) {
    EXPECT_EQ(run.rows[i].name, saved.rows[i].name);
    EXPECT_EQ(run.rows[i].columns, saved.rows[i].columns);
    EXPECT_EQ(run.rows[i].float_macs, saved.rows[i].float_macs);
    EXPECT_EQ(run.rows[i].ceilings.int8_gmac_per_s, saved.rows[i].ceilings.int8_gmac_per_s);
    ASSERT_EQ(run.rows[i].samples.size(), saved.rows[i].samples.size());
    for (size_t s = 0; s < run.rows[i].samples.size(); ++s) {
      EXPECT_EQ(run.rows[i].samples[s].seconds, saved.rows[i].samples[s].seconds);
      EXPECT_EQ(run.rows[i].samples[s].least_seconds, saved.rows[i].samples[s].least_seconds);
    }
  }
  const auto all = history.load_all(saved);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 3u);
  EXPECT_EQ(all->back().name, "second");
}

TEST_F(BenchHistory, WhatIsNotThereIsNamed) {
  ASSERT_TRUE(open(History::Mode::kSave).save(synthetic_run("first", 1, 1)));
  BenchRun other = synthetic_run("first", 1, 1);
  other.threads = 3;
  const auto missing = open(History::Mode::kRead).load("first", other);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(missing.error().message.find("first (1)"), std::string::npos) << missing.error().message;
  const auto none = History::open((folder_ / "none.sqlite").string(), History::Mode::kRead);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
}

TEST_F(BenchHistory, OtherFilesAreRefusedAndLeftAlone) {
  const std::string text = (folder_ / "text").string();
  std::ofstream(text) << "this is no database, and long enough to be looked at by somebody who expects one: "
                      << std::string(4096, 'x');
  for (const auto mode : {History::Mode::kRead, History::Mode::kSave}) {
    const auto opened = History::open(text, mode);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, ErrorKind::kBadFile) << opened.error().message;
  }
  EXPECT_FALSE(History::open(folder_.string(), History::Mode::kSave));
}

TEST_F(BenchHistory, ARunWithTwoRowsOfOneNameIsNotSavedAtAll) {
  BenchRun run = synthetic_run("twice", 1, 1);
  run.rows.push_back(run.rows.front());
  EXPECT_FALSE(open(History::Mode::kSave).save(run));
  EXPECT_FALSE(open(History::Mode::kRead).load("twice", run));
}

TEST_F(BenchHistory, DamagedFilesNeverCrash) {
  ASSERT_TRUE(open(History::Mode::kSave).save(synthetic_run("first", 1, 1)));
  std::ifstream in(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  std::mt19937_64 random(5);
  const std::string damaged = (folder_ / "damaged.sqlite").string();
  int refused = 0;
  for (int draw = 0; draw < 300; ++draw) {
    std::string bytes = whole;
    for (int i = 0; i < 1 + draw % 40; ++i) bytes[random() % bytes.size()] = char(random());
    if (draw % 10 == 0) bytes.resize(random() % bytes.size());
    std::ofstream(damaged, std::ios::binary | std::ios::trunc) << bytes;
    auto history = History::open(damaged, History::Mode::kRead);
    if (!history || !history->load("first", synthetic_run("first", 1, 1))) ++refused;
  }
  EXPECT_GT(refused, 0);
}

GateReport compare(const BenchRun& now, const std::vector<BenchRun>& before, double threshold = 3) {
  const auto report = compare_with(now, before, {.threshold_percent = threshold});
  EXPECT_TRUE(report) << report.error().message;
  return *report;
}

TEST(BenchGate, FindsTheRowThatBecameSlowerAndOnlyThat) {
  const GateReport report = compare(synthetic_run("new", 1.1, 3), {synthetic_run("old", 1, 8)});
  EXPECT_EQ(report.slower, 1);
  EXPECT_EQ(report.faster, 0);
  ASSERT_EQ(report.rows.size(), 4u);
  EXPECT_EQ(report.rows[1].verdict, Verdict::kSlower);
  EXPECT_NEAR(report.rows[1].ratio, 1 / 1.1, 0.03);
  EXPECT_LT(report.rows[1].ratio_interval.low, report.rows[1].ratio);
  EXPECT_GT(report.rows[1].ratio_interval.high, report.rows[1].ratio);
  // The drift of the two hours is in the speeds as measured, not in the shares.
  EXPECT_GT(std::abs(report.rows[0].raw_ratio - 1), 0.1);
  EXPECT_NEAR(report.rows[0].ratio, 1, 0.03);
  EXPECT_EQ(compare(synthetic_run("new", 0.9, 3), {synthetic_run("old", 1, 8)}).faster, 1);
  EXPECT_EQ(compare(synthetic_run("new", 1.1, 3), {synthetic_run("old", 1, 8)}, 20).slower, 0)
      << "below the threshold";
}

TEST(BenchGate, FalseAlarmsAreRare) {
  int alarms = 0;
  constexpr int kDraws = 200;
  for (int draw = 0; draw < kDraws; ++draw) {
    const GateReport report = compare(synthetic_run("new", 1, uint64_t(2 * draw + 1)),
                                      {synthetic_run("old", 1, uint64_t(2 * draw + 2))}, 0);
    alarms += report.slower + report.faster > 0;
  }
  EXPECT_LT(alarms, kDraws / 10) << "0.05 for all rows of a comparison";
}

TEST(BenchGate, FewSamplesCannotAlarmAndSaySo) {
  const GateReport report = compare(synthetic_run("new", 2, 1, 4, 3), {synthetic_run("old", 1, 2, 4, 3)});
  EXPECT_EQ(report.slower, 0);
  EXPECT_TRUE(report.too_few_samples);
  const GateReport pooled = compare(synthetic_run("new", 2, 1, 4, 3),
                                    {synthetic_run("old", 1, 2, 4, 6), synthetic_run("old", 1, 3, 4, 6)});
  EXPECT_FALSE(pooled.too_few_samples);
  EXPECT_EQ(pooled.slower, 1);
}

TEST(BenchGate, OtherWorkIsNotCompared) {
  BenchRun before = synthetic_run("old", 1, 1);
  before.rows[2].bytes *= 2;
  before.rows[3].name = "renamed";
  const GateReport report = compare(synthetic_run("new", 1, 2), {before});
  EXPECT_EQ(report.rows.size(), 2u);
  EXPECT_EQ(report.unmatched, (std::vector<std::string>{"row 2", "row 3"}));
  for (BenchRow& row : before.rows) row.isa = "scalar";
  EXPECT_FALSE(compare_with(synthetic_run("new", 1, 2), std::vector<BenchRun>{before}, {}));
}

}  // namespace
}  // namespace nibble
