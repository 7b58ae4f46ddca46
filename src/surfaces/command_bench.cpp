#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.h"
#include "measure/bench.h"
#include "measure/bench_page.h"
#include "measure/kernel_bench.h"
#include "surfaces/bench_output.h"
#include "surfaces/commands.h"
#include "surfaces/output.h"

namespace nibble {
namespace {

struct Measured {
  BenchRun run;
  int64_t batch = 0;
};

// For those who wait at a terminal.
void show_progress(size_t done, size_t total) {
  if (isatty(STDERR_FILENO))
    write_stderr(done == total ? "\r\x1b[K" : concat("\rsample ", done + 1, " of ", total, "\x1b[K"));
}

int repeats_of(const BenchFlags& flags) { return flags.repeats > 0 ? flags.repeats : BenchOptions().repeats; }

Result<BenchOptions> bench_options(const CommandLine& line) {
  constexpr int64_t kMany = 1 << 20;
  BenchOptions options;
  options.generate = line.bench.generate;
  options.repeats = repeats_of(line.bench);
  NIBBLE_TRY(options.prompts, parse_counts("--prompts", line.bench.prompts, 0, kMany));
  NIBBLE_TRY(options.depths, parse_counts("--depths", line.bench.depths, 0, kMany));
  if (!line.bench.columns.empty()) {
    NIBBLE_TRY(options.columns, parse_counts("--columns", line.bench.columns, 1, 1024));
  }
  return options;
}

Result<Measured> measure_model(const CommandLine& line) {
  NIBBLE_TRY(const BenchOptions options, bench_options(line));
  NIBBLE_TRY(const std::string path, model_path(line));
  CommandLine with_room = line;
  if (with_room.engine.context == 0) with_room.engine.context = bench_context(options);
  with_room.engine.sessions = int(bench_sessions(options));
  NIBBLE_TRY(const std::unique_ptr<Engine> engine, open_engine(with_room, path));
  Measured measured;
  BenchRun& run = measured.run;
  run.machine = this_machine();
  run.version = NIBBLE_VERSION;
  run.subject = std::filesystem::path(path).filename().string();
  run.model_bytes = engine->file().file_bytes();
  run.threads = engine->threads();
  measured.batch = engine->batch();
  NIBBLE_TRY(run.rows, run_bench(*engine, options, show_progress));
  return measured;
}

// "Q4_K,Q8_0"; empty: none.
std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    names.emplace_back(list.substr(0, list.find(',')));
    list.remove_prefix(std::min(list.size(), names.back().size() + 1));
  }
  return names;
}

Result<Measured> measure_kernels(const CommandLine& line) {
  KernelBenchOptions options;
  options.kernels = names_of(line.bench.kernels);
  options.formats = names_of(line.bench.formats);
  options.isas = names_of(line.bench.isas);
  if (line.bench.repeats > 0) options.repeats = line.bench.repeats;
  if (!line.bench.columns.empty()) {
    NIBBLE_TRY(options.columns, parse_counts("--columns", line.bench.columns, 1, 1024));
  }
  Measured measured;
  measured.run.version = NIBBLE_VERSION;
  measured.run.machine = this_machine();
  measured.run.subject = kKernelSubject;
  measured.run.threads = 1;
  NIBBLE_TRY(measured.run.rows, run_kernel_bench(options, show_progress));
  return measured;
}

// Above its ceiling no row can be: then one of the two was not measured well.
Status check_ceilings(const BenchRun& run) {
  for (const BenchRow& row : run.rows)
    if (row.percent_of_ceiling() > 100)
      return fail(ErrorKind::kInternal, "row ", row.name, " of ", row.isa, " is above the ceiling (",
                  row.percent_of_ceiling(),
                  " %): the machine was disturbed while the ceiling was measured; run it again");
  return {};
}

Result<History> open_history(const CommandLine& line, History::Mode mode) {
  if (!line.bench.history.empty()) return History::open(line.bench.history, mode);
  NIBBLE_TRY(const std::string path, default_history_path());
  return History::open(path, mode);
}

Result<GateReport> gate(const CommandLine& line, const BenchRun& run, const GateOptions& options) {
  NIBBLE_TRY(History history, open_history(line, History::Mode::kRead));
  NIBBLE_TRY(const std::vector<BenchRun> before, history.load(line.bench.against, run));
  return compare_with(run, before, options);
}

// Earlier runs like this one; none where no history can be read.
std::vector<BenchRun> earlier_runs(const CommandLine& line, const BenchRun& run) {
  auto history = open_history(line, History::Mode::kRead);
  if (!history) return {};
  auto runs = history->load_all(run);
  return runs ? *std::move(runs) : std::vector<BenchRun>();
}

Status save(const CommandLine& line, BenchRun& run) {
  run.name = line.bench.save;
  NIBBLE_TRY(History history, open_history(line, History::Mode::kSave));
  return history.save(run);
}

// True: a comparison found a row that became slower.
Result<bool> bench(const CommandLine& line) {
  const std::string& format = line.bench.format;
  const bool json = line.text.json || format == "json", csv = !json && format == "csv";
  if (format != "md" && format != "csv" && format != "json")
    return fail(ErrorKind::kInvalidArgument, "--output-format is \"", format, "\", wanted md, csv or json");
  if (!line.bench.save.empty())  // a file that cannot be written is known before the work
    NIBBLE_CHECK_OK(open_history(line, History::Mode::kSave));
  NIBBLE_TRY(Measured measured, line.model == kKernelSubject ? measure_kernels(line) : measure_model(line));
  BenchRun& run = measured.run;
  const bool compares = !line.bench.against.empty();
  const GateOptions options{.threshold_percent = double(line.bench.threshold)};
  GateReport report;
  if (compares) {
    NIBBLE_TRY(report, gate(line, run, options));
  }
  if (json) NIBBLE_CHECK_OK(write_stdout(bench_json(run, measured.batch, compares ? &report : nullptr)));
  if (csv) NIBBLE_CHECK_OK(write_stdout(bench_csv(run)));
  if (!json && !csv) NIBBLE_CHECK_OK(write_stdout(bench_markdown(run)));
  NIBBLE_CHECK_OK(check_ceilings(run));
  if (!line.bench.html.empty())
    NIBBLE_CHECK_OK(write_file_atomically(
        line.bench.html,
        bench_page(run, earlier_runs(line, run), compares ? &report : nullptr, line.bench.against)));
  if (!line.bench.save.empty()) NIBBLE_CHECK_OK(save(line, run));
  if (!compares) return false;
  const std::string text = gate_markdown(report, line.bench.against, options);
  if (csv || json)
    write_stderr(text);
  else
    NIBBLE_CHECK_OK(write_stdout("\n" + text));
  return report.slower > 0;
}

}  // namespace

int bench_command(const CommandLine& line) {
  const Result<bool> slower = bench(line);
  if (!slower) return report_error(line.command, slower.error());
  return *slower ? kSlowerExitCode : 0;
}

}  // namespace nibble
