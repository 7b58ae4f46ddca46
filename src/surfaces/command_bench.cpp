#include <algorithm>
#include <cstdio>

#include "measure/bench.h"
#include "surfaces/commands.h"
#include "surfaces/output.h"

namespace nibble {
namespace {

std::string test_name(const BenchRow& row) {
  std::string name = row.prompt > 0 ? concat("pp", row.prompt) : concat("tg", row.generate);
  if (row.columns > 1) name += concat(" x", row.columns);
  if (row.depth > 0) name += concat(" @ d", row.depth);
  return name;
}

double gmac_per_s(const BenchRow& row) { return (row.integer_macs + row.float_macs) / row.best_seconds() / 1e9; }
double gb_per_s(const BenchRow& row) { return row.bytes / row.best_seconds() / 1e9; }

// Field names of llama-bench where it has them; then ours.
void write_json(const Engine& engine, const BenchRow& row, JsonWriter& json) {
  json.begin_object().field("model_filename", engine.file().path()).field("model_size", engine.file().file_bytes());
  json.field("n_batch", engine.batch()).field("n_threads", engine.threads()).field("type_k", "f16").field("type_v", "f16");
  json.field("n_prompt", row.prompt).field("n_gen", row.generate).field("n_depth", row.depth);
  json.field("avg_ts", row.average_rate()).field("stddev_ts", row.deviation_of_rate());
  json.key("samples_ns").begin_array();
  for (const double s : row.seconds) json.value(int64_t(s * 1e9));
  json.end_array().key("samples_ts").begin_array();
  for (const double s : row.seconds) json.value(row.tokens / s);
  json.end_array().field("n_columns", row.columns).field("isa", kernels().name);
  json.field("gmac_per_s", gmac_per_s(row)).field("gb_per_s", gb_per_s(row));
  json.field("percent_of_ceiling", row.percent_of_ceiling()).field("limited_by", row.limited_by());
  json.field("ceiling_read_gb_per_s", row.ceilings.read_gb_per_s).field("ceiling_int8_gmac_per_s", row.ceilings.int8_gmac_per_s);
  json.field("ceiling_f32_gmac_per_s", row.ceilings.f32_gmac_per_s).end_object();
}

std::string table_line(const BenchRow& row, bool csv) {
  char text[300];
  std::snprintf(text, sizeof text, csv ? "%s,%.2f,%.2f,%.1f,%.2f,%.1f,%s,%.1f,%.1f,%.1f\n"
                                       : "| %-14s | %9.2f ± %-6.2f | %7.1f | %6.2f | %5.1f %% of %-9s | %.1f GB/s, %.0f int8, %.0f f32 GMAC/s |\n",
                test_name(row).c_str(), row.average_rate(), row.deviation_of_rate(), gmac_per_s(row), gb_per_s(row), row.percent_of_ceiling(),
                row.limited_by(), row.ceilings.read_gb_per_s, row.ceilings.int8_gmac_per_s, row.ceilings.f32_gmac_per_s);
  return text;
}

Result<BenchOptions> bench_options(const CommandLine& line) {
  constexpr int64_t kMany = 1 << 20;
  BenchOptions options;
  options.generate = line.bench.generate;
  options.repeats = line.bench.repeats;
  NIBBLE_TRY(options.prompts, parse_counts("--prompts", line.bench.prompts, 0, kMany));
  NIBBLE_TRY(options.depths, parse_counts("--depths", line.bench.depths, 0, kMany));
  NIBBLE_TRY(options.columns, parse_counts("--columns", line.bench.columns, 1, 1024));
  return options;
}

Status bench(const CommandLine& line) {
  NIBBLE_TRY(const BenchOptions options, bench_options(line));
  NIBBLE_TRY(const std::string path, model_path(line));
  CommandLine with_room = line;
  const auto most = [](const std::vector<int64_t>& counts) { return *std::max_element(counts.begin(), counts.end()); };
  const int64_t longest = most(options.depths) + std::max(most(options.prompts), options.generate);
  if (with_room.engine.context == 0) with_room.engine.context = longest;
  with_room.engine.sessions = int(most(options.columns));
  NIBBLE_TRY(const std::unique_ptr<Engine> engine, open_engine(with_room, path));
  const bool csv = line.bench.format == "csv", json = line.text.json || line.bench.format == "json";
  if (!csv && !json && line.bench.format != "md")
    return fail(ErrorKind::kInvalidArgument, "--output-format is \"", line.bench.format, "\", wanted md, csv or json");
  JsonWriter writer;
  writer.begin_array();
  if (csv) NIBBLE_CHECK_OK(write_stdout("test,tokens_per_s,stddev,gmac_per_s,gb_per_s,percent_of_ceiling,limited_by,read_gb_per_s,int8_gmac_per_s,f32_gmac_per_s\n"));
  if (!csv && !json)
    NIBBLE_CHECK_OK(write_stdout(concat(path, ", ", engine->threads(), " threads, ", kernels().name,
                                        "\n\n| test           |       tokens/s     |  GMAC/s |   GB/s | of this machine's ceiling | ceilings |\n"
                                        "|---|---:|---:|---:|---:|---|\n")));
  bool impossible = false;
  NIBBLE_CHECK_OK(run_bench(*engine, options, [&](const BenchRow& row) -> Status {
    impossible = impossible || row.percent_of_ceiling() > 100;
    if (!json) return write_stdout(table_line(row, csv));
    write_json(*engine, row, writer);
    return {};
  }));
  writer.end_array();
  if (json) NIBBLE_CHECK_OK(write_stdout(writer.text() + "\n"));
  if (impossible)
    return fail(ErrorKind::kInternal, "a row is above the ceiling: the machine was disturbed while the ceiling was measured; run it again");
  return {};
}

}  // namespace

int bench_command(const CommandLine& line) {
  const Status status = bench(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
