#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>

#include "commands.h"

namespace nibble::peer {
namespace {

using Clock = std::chrono::steady_clock;

struct Row {
  int prompt = 0, generate = 0, depth = 0, sequences = 1;
};

// One model and context, able to run a row again and again.
class Runner {
 public:
  Runner(const Model& model, Context& context, Row row, int batch)
      : model_(model), context_(context), row_(row), batch_limit_(batch), random_(1) {}

  // Empties the KV cache and fills every sequence to the depth, the first computed and the others copied.
  Status fill() {
    const PeerApi& api = model_.api();
    api.memory_clear(context_.memory(), false);
    NIBBLE_CHECK_OK(prefill(0, row_.depth));
    for (int s = 1; s < row_.sequences && row_.depth > 0; ++s)
      api.memory_seq_cp(context_.memory(), 0, s, -1, -1);
    return {};
  }

  Status run() { return row_.prompt > 0 ? prefill(row_.depth, row_.prompt) : decode(row_.generate); }

  Status warm_up() {
    NIBBLE_CHECK_OK(fill());
    return row_.prompt > 0 ? run() : decode(1);
  }

 private:
  Token random_token() { return std::uniform_int_distribution<Token>(0, model_.vocab_size() - 1)(random_); }

  Status prefill(int first, int count) {
    for (int at = 0; at < count; at += batch_limit_) {
      batch_.clear();
      const int end = std::min(count, at + batch_limit_);
      for (int i = at; i < end; ++i) batch_.add(random_token(), first + i, 0, i + 1 == end);
      NIBBLE_CHECK_OK(context_.decode(batch_));
    }
    return {};
  }

  Status decode(int steps) {
    for (int i = 0; i < steps; ++i) {
      batch_.clear();
      for (int s = 0; s < row_.sequences; ++s) batch_.add(random_token(), row_.depth + i, s, true);
      NIBBLE_CHECK_OK(context_.decode(batch_));
    }
    return {};
  }

  const Model& model_;
  Context& context_;
  Row row_;
  int batch_limit_;
  Batch batch_;
  std::mt19937 random_;
};

struct Statistics {
  double mean = 0, deviation = 0;
};
Statistics statistics(const std::vector<double>& samples) {
  Statistics s;
  for (const double x : samples) s.mean += x / static_cast<double>(samples.size());
  for (const double x : samples) s.deviation += (x - s.mean) * (x - s.mean);
  s.deviation = samples.size() > 1 ? std::sqrt(s.deviation / static_cast<double>(samples.size() - 1)) : 0;
  return s;
}

void print_samples(const char* name, const std::vector<double>& samples, const char* format) {
  std::printf(",\"%s\":[", name);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (i) std::printf(",");
    std::printf(format, samples[i]);
  }
  std::printf("]");
}

void print_row(const PeerApi& api, const BenchOptions& options, const Row& row, double load_seconds,
               const std::vector<double>& nanoseconds) {
  const double tokens = row.prompt > 0 ? row.prompt : double{1} * row.generate * row.sequences;
  std::vector<double> rates;
  for (const double ns : nanoseconds) rates.push_back(tokens * 1e9 / ns);
  const Statistics time = statistics(nanoseconds), rate = statistics(rates);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"program\":\"llama.cpp %s\",\"model_filename\":\"%s\",\"n_threads\":%d,\"n_batch\":%d,"
      "\"n_ubatch\":%d,\"type_k\":\"%s\",\"flash_attn\":\"%s\",\"repack\":%s,\"n_prompt\":%d,"
      "\"n_gen\":%d,\"n_depth\":%d,\"n_columns\":%d,\"avg_ns\":%.0f,\"stddev_ns\":%.0f,\"avg_ts\":%.3f,"
      "\"stddev_ts\":%.3f",
      api.version(), options.model.path.c_str(), options.context.threads, options.context.batch,
      options.context.ubatch, options.context.kv.c_str(), options.context.flash.c_str(),
      options.model.repack ? "true" : "false", row.prompt, row.generate, row.depth, row.sequences, time.mean,
      time.deviation, rate.mean, rate.deviation);
  print_samples("samples_ns", nanoseconds, "%.0f");
  print_samples("samples_ts", rates, "%.3f");
  std::printf(",\"load_s\":%.3f,\"peak_rss_kib\":%ld}\n", load_seconds, usage.ru_maxrss);
  std::fflush(stdout);
}

std::vector<Row> rows_of(const BenchOptions& options) {
  std::vector<Row> rows;
  for (const int depth : options.depths) {
    for (const int prompt : options.prompts)
      if (prompt > 0) rows.push_back({.prompt = prompt, .depth = depth});
    if (options.generate <= 0) continue;
    if (options.columns.empty()) rows.push_back({.generate = options.generate, .depth = depth});
    for (const int columns : options.columns)
      rows.push_back({.generate = options.generate, .depth = depth, .sequences = columns});
  }
  return rows;
}

}  // namespace

Status bench(const PeerApi& api, const BenchOptions& options) {
  const auto start = Clock::now();
  NIBBLE_TRY(const Model model, Model::load(api, options.model));
  const double load_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  for (const Row& row : rows_of(options)) {
    if (row.sequences < 1 || row.depth < 0)
      return fail(ErrorKind::kInvalidArgument, "columns ", row.sequences, " and depth ", row.depth,
                  "; wanted at least 1 and 0");
    ContextOptions wanted = options.context;
    // The peer rounds a sequence's share up to 256 positions.
    const int positions = (row.depth + row.prompt + row.generate + 255) / 256 * 256;
    wanted.context = positions * row.sequences;
    wanted.sequences = row.sequences;
    NIBBLE_TRY(Context context, Context::create(model, wanted));
    Runner runner(model, context, row, wanted.batch);
    NIBBLE_CHECK_OK(runner.warm_up());
    std::vector<double> nanoseconds;
    for (int r = 0; r < options.repeats; ++r) {
      NIBBLE_CHECK_OK(runner.fill());
      const auto from = Clock::now();
      NIBBLE_CHECK_OK(runner.run());
      nanoseconds.push_back(std::chrono::duration<double, std::nano>(Clock::now() - from).count());
    }
    print_row(api, options, row, load_seconds, nanoseconds);
  }
  return {};
}

}  // namespace nibble::peer
