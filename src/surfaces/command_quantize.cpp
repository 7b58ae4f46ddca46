#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include "base/quote.h"
#include "base/thread_pool.h"
#include "base/topology.h"
#include "surfaces/commands.h"
#include "surfaces/input.h"
#include "surfaces/interrupt.h"
#include "surfaces/output.h"
#include "surfaces/progress.h"
#include "transform/quantize.h"

namespace nibble {
namespace {

using Clock = std::chrono::steady_clock;

double mebibytes(uint64_t bytes) { return double(bytes) / (1 << 20); }

std::string plan_text(const QuantizePlan& plan, bool tensors) {
  std::map<std::string, std::pair<uint64_t, uint64_t>> formats;  // tensors, bytes
  std::string text;
  char line[256];
  for (const PlannedTensor& planned : plan.tensors) {
    auto& [count, bytes] = formats[planned.format->name];
    ++count, bytes += planned.bytes;
    if (!tensors) continue;
    std::snprintf(line, sizeof line, "%-40s %6s -> %-6s %10.2f MiB", quoted(planned.tensor->name).c_str(),
                  planned.tensor->format->name, planned.format->name, mebibytes(planned.bytes));
    text += line;
    if (planned.unfit)
      text += concat("  (rows of ", planned.tensor->row_length(), " are no whole blocks of ", planned.unfit->name, ")");
    text += '\n';
  }
  for (const auto& [name, total] : formats) {
    std::snprintf(line, sizeof line, "%-7s %5llu tensors %12.2f MiB\n", name.c_str(),
                  static_cast<unsigned long long>(total.first), mebibytes(total.second));
    text += line;
  }
  std::snprintf(line, sizeof line, "tensors: %.2f MiB -> %.2f MiB, %.3f bits per weight\n",
                mebibytes(plan.input_bytes), mebibytes(plan.output_bytes), plan.bits_per_weight());
  text += line;
  const auto largest = std::ranges::max_element(plan.parts, {}, &OutputPart::bytes);
  if (plan.split)
    return text + concat("files: ", plan.parts.size(), " parts of ", plan.file_bytes(), " bytes in all, the largest ",
                         largest->bytes, "\n");
  return text + concat("file: ", plan.file_bytes(), " bytes\n");
}

std::string plan_json(const QuantizePlan& plan) {
  JsonWriter json;
  json.begin_object().key("tensors").begin_array();
  for (const PlannedTensor& planned : plan.tensors)
    json.begin_object()
        .field("name", std::string_view(planned.tensor->name))
        .field("from", planned.tensor->format->name)
        .field("to", planned.format->name)
        .field("bytes", planned.bytes)
        .end_object();
  json.end_array()
      .field("values", plan.values)
      .field("input_bytes", plan.input_bytes)
      .field("output_bytes", plan.output_bytes)
      .field("bits_per_weight", plan.bits_per_weight())
      .field("requantized", plan.requantized)
      .field("unfit", plan.unfit)
      .field("file_bytes", plan.file_bytes())
      .key("parts")
      .begin_array();
  for (const OutputPart& part : plan.parts)
    json.begin_object().field("tensors", part.end - part.first).field("bytes", part.bytes).end_object();
  json.end_array().end_object();
  return json.text() + "\n";
}

// A tensor is never cut in two.
void warn_of_large_parts(const QuantizePlan& plan, const QuantizeOptions& options) {
  if (options.split_size.empty()) return;
  const uint64_t most = parse_size(options.split_size).value_or(0);
  const auto larger = std::ranges::count_if(plan.parts, [&](const OutputPart& part) { return part.bytes > most; });
  if (larger > 0)
    write_stderr(concat("warning: ", larger, " of ", plan.parts.size(), " parts are larger than --split-size ",
                        options.split_size, ", as one tensor alone is\n"));
}

Status quantize(const CommandLine& line) {
  const QuantizeOptions& wanted = line.quantize;
  const size_t paths = wanted.dry_run ? 0 : 1;
  if (line.model.empty() || line.arguments.size() < paths)
    return fail(ErrorKind::kInvalidArgument,
                "wanted nibble quantize IN OUT RECIPE (with --dry-run the OUT may be left out)");
  QuantizeOptions options = wanted;
  // IN OUT RECIPE, and IN RECIPE for a plan only; with a target size no RECIPE is missing.
  const bool target = !wanted.size.empty() || wanted.bits_per_weight > 0;
  if (line.arguments.size() > 1 || (wanted.dry_run && !target && line.arguments.size() == 1))
    options.recipe = line.arguments.back();
  ThreadPool pool(line.engine.threads > 0 ? line.engine.threads : read_topology().default_threads());
  NIBBLE_TRY(const GgufFile file, GgufFile::open(line.model));
  NIBBLE_TRY(const QuantizePlan plan, plan_quantize(file, options, pool));
  if (!line.text.quiet) warn_of_large_parts(plan, options);
  if (plan.requantized > 0 && !line.text.quiet)
    write_stderr(concat(
        "warning: ", plan.requantized,
        " tensors are quantized already and lose accuracy once more; better begin with the F16 file\n"));
  if (plan.unfit > 0 && !line.text.quiet)
    write_stderr(concat("note: ", plan.unfit, " tensors have rows that are no whole blocks of the format asked for and ",
                        "take the next that fits (--dry-run shows which)\n"));
  if (wanted.dry_run) return write_stdout(line.text.json ? plan_json(plan) : plan_text(plan, true));

  const auto start = Clock::now();
  const std::string& out = line.arguments[0];
  ProgressLine progress(!line.text.quiet);
  InterruptGuard interrupt(InterruptGuard::Second::kEndsTheProgram);
  NIBBLE_TRY(const QuantizeReport report,
             run_quantize(file, plan, options, out, pool, [&](const QuantizeProgress& state) {
               progress.update(state.bytes_done, state.bytes_total, state.tensor->name);
               return !interrupt.take();
             }));
  progress.clear();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (!line.text.quiet) {
    char text[160];
    std::snprintf(text, sizeof text, "%.2f MiB written in %.1f s, %.0f MiB/s of input\n",
                  mebibytes(plan.file_bytes()), seconds, mebibytes(plan.input_bytes) / seconds);
    write_stderr(plan_text(plan, false) + text);
    if (plan.split) write_stderr(concat(report.paths.front(), " opens all parts\n"));
    if (report.zeroed > 0)
      write_stderr(concat("warning: ", report.zeroed, " values were not finite and became zeros\n"));
  }
  return line.text.json ? write_stdout(plan_json(plan)) : Status();
}

}  // namespace

int quantize_command(const CommandLine& line) {
  const Status status = quantize(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
