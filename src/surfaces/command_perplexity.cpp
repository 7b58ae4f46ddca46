#include <cstdio>

#include "measure/perplexity.h"
#include "surfaces/commands.h"
#include "surfaces/input.h"
#include "surfaces/output.h"
#include "surfaces/progress.h"

namespace nibble {
namespace {

void add_line(std::string& text, const char* name, const char* format, double a, double b) {
  char line[160], numbers[96];
  std::snprintf(numbers, sizeof numbers, format, a, b);
  std::snprintf(line, sizeof line, "%-28s %s\n", name, numbers);
  text += line;
}

// Saved logits bring their chunks along.
std::string what_was_scored(const PerplexityResult& result, const PerplexityOptions& options) {
  if (!options.base_logits.empty()) return concat(" of ", result.chunks, " chunks");
  if (options.documents) return concat(" of ", result.chunks, " documents");
  return concat(", the second halves of ", result.chunks, " chunks of ", options.context);
}

std::string result_text(const PerplexityResult& result, const PerplexityOptions& options) {
  std::string text = concat(result.scored, " tokens scored", what_was_scored(result, options), "\n");
  add_line(text, "perplexity", "%.4f +- %.4f", result.perplexity.value, result.perplexity.error);
  if (!result.divergence) return text;
  const Divergence& d = *result.divergence;
  add_line(text, "perplexity of the base", "%.4f +- %.4f", d.base_perplexity.value, d.base_perplexity.error);
  add_line(text, "log of their ratio", "%.6f +- %.6f", d.log_ratio.value, d.log_ratio.error);
  add_line(text, "KL divergence, mean", "%.6f +- %.6f", d.kl.value, d.kl.error);
  add_line(text, "KL divergence, median, 99 %", "%.6f, %.6f", d.kl_median, d.kl_p99);
  add_line(text, "KL divergence, largest", "%.6f", d.kl_max, 0);
  add_line(text, "same most likely token, %", "%.3f +- %.3f", 100 * d.same_top.value, 100 * d.same_top.error);
  add_line(text, "RMS change of probability, %", "%.3f +- %.3f", 100 * d.probability_rms.value,
           100 * d.probability_rms.error);
  return text;
}

void add_estimate(JsonWriter& json, const char* name, const Estimate& estimate) {
  json.key(name).begin_object().field("value", estimate.value).field("error", estimate.error).end_object();
}

std::string result_json(const PerplexityResult& result, const PerplexityOptions& options) {
  JsonWriter json;
  json.begin_object().field("chunks", result.chunks).field("scored", result.scored);
  if (options.base_logits.empty())
    json.field("context", options.context).field("documents", options.documents);
  add_estimate(json, "perplexity", result.perplexity);
  if (result.divergence) {
    const Divergence& d = *result.divergence;
    add_estimate(json, "base_perplexity", d.base_perplexity);
    add_estimate(json, "log_ratio", d.log_ratio);
    add_estimate(json, "kl", d.kl);
    json.field("kl_median", d.kl_median).field("kl_p99", d.kl_p99).field("kl_max", d.kl_max);
    add_estimate(json, "same_top", d.same_top);
    add_estimate(json, "probability_rms", d.probability_rms);
  }
  json.end_object();
  return json.text() + "\n";
}

Status perplexity(const CommandLine& line) {
  NIBBLE_TRY(const std::string path, model_path(line));
  CommandLine adjusted = line;
  adjusted.engine.context = 0;
  NIBBLE_TRY(const std::unique_ptr<Engine> engine, open_engine(adjusted, path));
  std::string text;
  if (line.perplexity.base_logits.empty()) {
    NIBBLE_TRY(text, read_prompt(line.text));
  }
  PerplexityOptions options = line.perplexity;
  options.special = line.text.special;
  ProgressLine shown(!line.text.quiet, ProgressLine::Of::kChunks);
  NIBBLE_TRY(const PerplexityResult result,
             measure_perplexity(*engine, text, options, [&](const PerplexityProgress& at) {
               char so_far[32];
               std::snprintf(so_far, sizeof so_far, "perplexity %.4f", at.perplexity);
               shown.update(uint64_t(at.chunk), uint64_t(at.chunks), so_far);
             }));
  shown.clear();
  return write_stdout(line.text.json ? result_json(result, options) : result_text(result, options));
}

}  // namespace

int perplexity_command(const CommandLine& line) {
  const Status status = perplexity(line);
  return status ? 0 : report_error(line.command, status.error());
}

}  // namespace nibble
