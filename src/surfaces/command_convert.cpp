#include <chrono>
#include <cstdio>

#include "base/quote.h"
#include "base/thread_pool.h"
#include "base/topology.h"
#include "surfaces/commands.h"
#include "surfaces/interrupt.h"
#include "surfaces/output.h"
#include "surfaces/progress.h"
#include "transform/convert.h"

namespace nibble {
namespace {

using Clock = std::chrono::steady_clock;

double mebibytes(uint64_t bytes) { return double(bytes) / (1 << 20); }

std::string dims_text(const std::vector<uint64_t>& dims) {
  std::string text;
  for (const uint64_t dim : dims) text += concat(text.empty() ? "" : " x ", dim);
  return text;
}

std::string tensors_text(const ConvertPlan& plan) {
  std::string text;
  char line[256];
  for (const ConvertedTensor& tensor : plan.tensors) {
    std::snprintf(line, sizeof line, "%-32s %5s -> %-5s %14s  %s\n", quoted(tensor.name).c_str(),
                  tensor.source ? std::string(tensor.source->type->name).c_str() : "-", tensor.format->name,
                  dims_text(tensor.dims).c_str(),
                  tensor.source ? quoted(tensor.source->name).c_str() : "from config.json");
    text += line;
  }
  return text;
}

std::string summary_text(const ConvertPlan& plan) {
  const HfVocabulary& vocabulary = plan.vocabulary;
  std::string text = concat(plan.model.hf_class->name, " -> ", plan.model.config.architecture->name, ", ",
                            plan.tensors.size(), " tensors, ", plan.values, " values; tokenizer ",
                            vocabulary.model, ", ", vocabulary.pre, ", ", vocabulary.tokens.size(), " tokens",
                            vocabulary.chat_template.empty() ? "" : "; chat template", "\n");
  for (const std::string& note : plan.notes) text += concat("note: ", note, "\n");
  return text;
}

std::string plan_json(const ConvertPlan& plan, bool tensors, uint64_t file_bytes) {
  JsonWriter json;
  json.begin_object()
      .field("class", plan.model.hf_class->name)
      .field("architecture", plan.model.config.architecture->name)
      .field("name", std::string_view(plan.name))
      .field("layers", plan.model.config.layers.size())
      .field("values", plan.values)
      .field("input_bytes", plan.input_bytes)
      .field("output_bytes", plan.output_bytes)
      .field("file_bytes", file_bytes)
      .key("tokenizer")
      .begin_object()
      .field("model", std::string_view(plan.vocabulary.model))
      .field("pre", std::string_view(plan.vocabulary.pre))
      .field("tokens", plan.vocabulary.tokens.size())
      .field("chat_template", !plan.vocabulary.chat_template.empty())
      .end_object()
      .key("notes")
      .begin_array();
  for (const std::string& note : plan.notes) json.value(std::string_view(note));
  json.end_array().field("tensor_count", plan.tensors.size());
  if (tensors) {
    json.key("tensors").begin_array();
    for (const ConvertedTensor& tensor : plan.tensors) {
      json.begin_object().field("name", std::string_view(tensor.name));
      if (tensor.source)
        json.field("from", std::string_view(tensor.source->name)).field("stored", tensor.source->type->name);
      json.field("format", tensor.format->name).key("dims").begin_array();
      for (const uint64_t dim : tensor.dims) json.value(dim);
      json.end_array().end_object();
    }
    json.end_array();
  }
  return json.end_object().text() + "\n";
}

Status convert(const CommandLine& line) {
  const bool dry_run = line.convert.dry_run;
  if (line.arguments.size() < (dry_run ? 1 : 2))
    return fail(ErrorKind::kInvalidArgument,
                "wanted nibble convert HF_DIR OUT.gguf (with --dry-run the OUT may be left out)");
  NIBBLE_TRY(const ConvertPlan plan, plan_convert(line.arguments[0], line.convert));
  if (dry_run)
    return write_stdout(line.text.json ? plan_json(plan, true, 0) : tensors_text(plan) + summary_text(plan));
  const auto start = Clock::now();
  ThreadPool pool(line.engine.threads > 0 ? line.engine.threads : read_topology().default_threads());
  ProgressLine progress(!line.text.quiet);
  InterruptGuard interrupt(InterruptGuard::Second::kEndsTheProgram);
  NIBBLE_TRY(const ConvertReport report,
             run_convert(plan, line.arguments[1], pool, [&](const ConvertProgress& state) {
               progress.update(state.bytes_done, state.bytes_total, state.tensor);
               return !interrupt.take();
             }));
  progress.clear();
  if (!line.text.quiet) {
    char text[160];
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::snprintf(text, sizeof text, "%.2f MiB written in %.1f s\n", mebibytes(report.file_bytes), seconds);
    write_stderr(summary_text(plan) + text);
    if (report.zeroed > 0)
      write_stderr(concat("warning: ", report.zeroed, " values were not finite and became zeros\n"));
  }
  return line.text.json ? write_stdout(plan_json(plan, false, report.file_bytes)) : Status();
}

}  // namespace

int convert_command(const CommandLine& line) {
  const Status status = convert(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
