#include "surfaces/bench_output.h"

#include <cstdio>

#include "surfaces/output.h"

namespace nibble {
namespace {

bool of_kernels(const BenchRun& run) { return run.subject == kKernelSubject; }

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[400];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string ceilings_text(const Ceilings& ceilings, bool cached) {
  const std::string bytes = cached ? formatted("cache %.1f GB/s read, %.1f written", ceilings.cache_gb_per_s,
                                               ceilings.store_gb_per_s)
                                   : formatted("memory %.1f GB/s", ceilings.read_gb_per_s);
  const std::string bf16 = ceilings.bf16_gmac_per_s > 0 ? formatted(", bf16 %.1f", ceilings.bf16_gmac_per_s) : "";
  return bytes + formatted("; int8 %.1f, f32 %.1f", ceilings.int8_gmac_per_s, ceilings.f32_gmac_per_s) + bf16 + " GMAC/s";
}

std::string model_line(const BenchRow& row) {
  return formatted("| %-18s | %9.2f ± %-6.2f | %7.1f | %6.2f | %5.1f %% of %-9s |\n", row.name.c_str(),
                   row.average_rate(), row.deviation_of_rate(), row.gmac_per_s(), row.gb_per_s(),
                   row.percent_of_ceiling(), row.limited_by());
}

double call_ns(const BenchRow& row) { return row.median_seconds() / row.operations * 1e9; }

std::string kernel_line(const BenchRow& row) {
  return formatted("| %-34s | %-13s | %12.1f | %7.1f | %7.2f | %5.1f %% of %-7s |\n", row.name.c_str(),
                   row.isa.c_str(), call_ns(row), row.gmac_per_s(), row.gb_per_s(), row.percent_of_ceiling(),
                   row.limited_by());
}

void write_gate(const RowComparison& row, JsonWriter& json) {
  json.key("against").begin_object();
  json.field("ratio", row.ratio)
      .field("ratio_low", row.ratio_interval.low)
      .field("ratio_high", row.ratio_interval.high);
  json.field("raw_ratio", row.raw_ratio).field("p_value", row.p_value);
  json.field("n_samples", row.before_samples).field("verdict", verdict_name(row.verdict)).end_object();
}

void write_row(const BenchRun& run, const BenchRow& row, int64_t batch, JsonWriter& json) {
  if (of_kernels(run)) {
    json.field("test", row.name)
        .field("kernel", row.kernel)
        .field("format", row.format)
        .field("n_columns", row.columns);
    json.field("ns", call_ns(row));
  } else {
    json.field("model_filename", run.subject).field("model_size", run.model_bytes).field("n_batch", batch);
    json.field("type_k", row.kv_type).field("type_v", row.kv_type);
    json.field("n_prompt", row.prompt).field("n_gen", row.generate).field("n_depth", row.depth);
    json.field("avg_ts", row.average_rate()).field("stddev_ts", row.deviation_of_rate());
    json.key("samples_ts").begin_array();
    for (const BenchSample& s : row.samples) json.value(row.tokens / s.seconds);
    json.end_array().field("test", row.name).field("n_columns", row.columns);
  }
  json.field("n_threads", run.threads).key("samples_ns").begin_array();
  for (const BenchSample& s : row.samples)
    json.value(s.seconds / (of_kernels(run) ? row.operations : 1) * 1e9);
  json.end_array().field("isa", row.isa).field("cpu_info", run.machine).field("build_number", run.version);
  json.field("gmac_per_s", row.gmac_per_s()).field("gb_per_s", row.gb_per_s());
  json.field("percent_of_ceiling", row.percent_of_ceiling()).field("limited_by", row.limited_by());
  if (!of_kernels(run)) json.field("ceiling_read_gb_per_s", row.ceilings.read_gb_per_s);
  json.field("ceiling_cache_gb_per_s", row.ceilings.cache_gb_per_s)
      .field("ceiling_store_gb_per_s", row.ceilings.store_gb_per_s)
      .field("ceiling_int8_gmac_per_s", row.ceilings.int8_gmac_per_s);
  json.field("ceiling_f32_gmac_per_s", row.ceilings.f32_gmac_per_s).field("ceiling_bf16_gmac_per_s", row.ceilings.bf16_gmac_per_s);
}

}  // namespace

std::string bench_markdown(const BenchRun& run) {
  const bool kernels = of_kernels(run);
  std::string text = concat(run.subject, ", ", run.threads, run.threads == 1 ? " thread, " : " threads, ",
                            run.machine, "\n\n");
  text +=
      kernels
          ? "| kernel | isa | ns a call | GMAC/s | GB/s | of this machine's ceiling "
            "|\n|---|---|---:|---:|---:|---:|\n"
          : "| test | tokens/s | GMAC/s | GB/s | of this machine's ceiling |\n|---|---:|---:|---:|---:|\n";
  for (const BenchRow& row : run.rows) text += kernels ? kernel_line(row) : model_line(row);
  if (run.rows.empty()) return text;
  return text + concat("\nceilings: ", ceilings_text(run.rows.front().ceilings, kernels), "\n");
}

std::string bench_csv(const BenchRun& run) {
  const bool kernels = of_kernels(run);
  std::string text = kernels ? "test,isa,ns," : "test,tokens_per_s,stddev,";
  text +=
      "gmac_per_s,gb_per_s,percent_of_ceiling,limited_by,read_gb_per_s,cache_gb_per_s,store_gb_per_s,int8_"
      "gmac_per_s,f32_"
      "gmac_per_s,bf16_gmac_per_s\n";
  for (const BenchRow& row : run.rows) {
    text += kernels
                ? formatted("%s,%s,%.1f,", row.name.c_str(), row.isa.c_str(), call_ns(row))
                : formatted("%s,%.2f,%.2f,", row.name.c_str(), row.average_rate(), row.deviation_of_rate());
    text += formatted("%.2f,%.2f,%.2f,%s,%.2f,%.2f,%.2f,%.1f,%.1f,%.1f\n", row.gmac_per_s(), row.gb_per_s(),
                      row.percent_of_ceiling(), row.limited_by(), row.ceilings.read_gb_per_s,
                      row.ceilings.cache_gb_per_s, row.ceilings.store_gb_per_s, row.ceilings.int8_gmac_per_s,
                      row.ceilings.f32_gmac_per_s, row.ceilings.bf16_gmac_per_s);
  }
  return text;
}

std::string bench_json(const BenchRun& run, int64_t batch, const GateReport* gate) {
  JsonWriter json;
  json.begin_array();
  for (const BenchRow& row : run.rows) {
    json.begin_object();
    write_row(run, row, batch, json);
    if (gate)
      for (const RowComparison& compared : gate->rows)
        if (compared.name == row.name && compared.isa == row.isa) write_gate(compared, json);
    json.end_object();
  }
  json.end_array();
  return json.text() + "\n";
}

std::string gate_markdown(const GateReport& report, const std::string& against, const GateOptions& options) {
  std::string text = concat(
      "against \"", against,
      "\": shares of each run's ceiling\n\n| test | isa | before | now | ratio | 95 % | p | verdict |\n"
      "|---|---|---:|---:|---:|---:|---:|---|\n");
  for (const RowComparison& row : report.rows)
    text +=
        formatted("| %-18s | %s | %.1f %% | %.1f %% | %.3f | %.3f to %.3f | %.2g | %s |\n", row.name.c_str(),
                  row.isa.c_str(), row.before_percent, row.now_percent, row.ratio, row.ratio_interval.low,
                  row.ratio_interval.high, row.p_value, verdict_name(row.verdict));
  text += formatted("\n%zu rows: %d slower, %d faster by more than %g %% and by more than chance\n",
                    report.rows.size(), report.slower, report.faster, options.threshold_percent);
  if (!report.unmatched.empty()) {
    text += concat(report.unmatched.size(), " rows are not in \"", against, "\":");
    for (size_t i = 0; i < report.unmatched.size() && i < 8; ++i)
      text += concat(i ? ", " : " ", report.unmatched[i]);
    text += report.unmatched.size() > 8 ? ", ...\n" : "\n";
  }
  if (report.too_few_samples)
    text += "so few samples cannot show more than chance: raise --repeats, or --save more runs\n";
  return text;
}

}  // namespace nibble
