#include "measure/bench.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <numeric>

namespace nibble {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// What one pass over the weights costs: bytes read, multiply-adds of one token, by the unit that does them.
struct Work {
  double bytes = 0, integer_macs = 0, float_macs = 0;
  void add(const Linear& linear) {
    if (!linear.present()) return;
    const TensorView& view = linear.view;
    const double macs = double(view.rows()) * double(view.row_length());
    bytes += double(view.rows()) * double(view.row_bytes());
    (view.format->activation == ActivationKind::kFloat ? float_macs : integer_macs) += macs;
  }
};

Work body_work(const ModelWeights& weights) {
  Work work;
  for (const LayerWeights& layer : weights.layers)
    for (const Linear* linear : {&layer.attn_q, &layer.attn_k, &layer.attn_v, &layer.attn_output, &layer.ffn_gate, &layer.ffn_up,
                                 &layer.ffn_down})
      work.add(*linear);
  return work;
}

class Bench {
 public:
  Bench(Engine& engine, const BenchOptions& options)
      : engine_(engine), options_(options), vocabulary_(uint64_t(engine.model().config().vocabulary)), body_(body_work(engine.model().weights())) {
    head_.add(engine.model().weights().output);
  }

  Status run(const std::function<Status(const BenchRow&)>& sink) {
    for (const int64_t depth : options_.depths) {
      for (const int64_t prompt : options_.prompts)
        if (prompt > 0) NIBBLE_CHECK_OK(measure(prompt, 0, depth, 1, sink));
      if (options_.generate > 0)
        for (const int64_t columns : options_.columns) NIBBLE_CHECK_OK(measure(0, options_.generate, depth, columns, sink));
    }
    return {};
  }

 private:
  int32_t next_token() {
    random_ = random_ * 6364136223846793005ull + 1442695040888963407ull;
    return int32_t((random_ >> 33) % vocabulary_);
  }

  Status prefill(KvSequence& sequence, int64_t count, bool want_logits) {
    std::vector<int32_t> tokens;
    while (count > 0) {
      tokens.resize(size_t(std::min(count, engine_.batch())));
      for (int32_t& token : tokens) token = next_token();
      count -= int64_t(tokens.size());
      const bool last = count == 0 && want_logits;
      const Span span{&sequence, sequence.length(), tokens, last ? Span::Want::kLastLogits : Span::Want::kNothing};
      logits_.resize(last ? vocabulary_ : 0);
      NIBBLE_CHECK_OK(engine_.model().forward(engine_.workspace(), std::span(&span, 1), logits_));
    }
    return {};
  }

  Status decode(std::vector<KvSequence>& sequences) {
    std::vector<int32_t> tokens(sequences.size());
    std::vector<Span> spans(sequences.size());
    logits_.resize(sequences.size() * vocabulary_);
    for (size_t i = 0; i < sequences.size(); ++i) {
      tokens[i] = next_token();
      spans[i] = {&sequences[i], sequences[i].length(), std::span(&tokens[i], 1), Span::Want::kLastLogits};
    }
    return engine_.model().forward(engine_.workspace(), spans, logits_);
  }

  // Multiply-adds of attention over `count` tokens after `depth` positions, and the bytes of the cache they read.
  void add_attention(BenchRow& row) const {
    const ModelConfig& config = engine_.model().config();
    const int64_t count = row.prompt + row.generate;
    for (const LayerConfig& layer : config.layers) {
      double positions = 0;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t seen = row.depth + i + 1;
        positions += double(layer.window > 0 ? std::min(seen, layer.window) : seen);
      }
      row.float_macs += 2.0 * positions * layer.heads * config.head_dim * double(row.columns);
      // Prefill reads the cache once a tile of tokens, from caches: only decode counts its bytes.
      if (row.generate > 0) row.bytes += 4.0 * positions * layer.kv_heads * config.head_dim * double(row.columns);
    }
  }

  Status measure(int64_t prompt, int64_t generate, int64_t depth, int64_t columns,
                 const std::function<Status(const BenchRow&)>& sink) {
    BenchRow row;
    row.prompt = prompt, row.generate = generate, row.depth = depth, row.columns = columns;
    const double passes = row.generate > 0 ? double(row.generate) : std::ceil(double(row.prompt) / double(engine_.batch()));
    const double heads = row.generate > 0 ? double(row.generate * row.columns) : 1;
    row.tokens = double((row.prompt + row.generate) * row.columns);
    row.bytes = body_.bytes * passes + head_.bytes * (row.generate > 0 ? passes : 1);
    row.integer_macs = body_.integer_macs * row.tokens + head_.integer_macs * heads;
    row.float_macs = body_.float_macs * row.tokens + head_.float_macs * heads;
    add_attention(row);
    keep_best(row.ceilings);
    std::vector<KvSequence> sequences;
    for (int64_t i = 0; i < row.columns; ++i) {
      sequences.emplace_back(engine_.kv_pool());
      NIBBLE_CHECK_OK(prefill(sequences.back(), row.depth, false));
    }
    for (int repeat = -1; repeat < options_.repeats; ++repeat) {  // the first one warms up
      for (KvSequence& sequence : sequences) sequence.truncate(row.depth);
      const auto begin = Clock::now();
      if (row.prompt > 0) NIBBLE_CHECK_OK(prefill(sequences.front(), row.prompt, true));
      for (int64_t i = 0; i < row.generate; ++i) NIBBLE_CHECK_OK(decode(sequences));
      if (repeat >= 0) row.seconds.push_back(seconds_since(begin));
    }
    keep_best(row.ceilings);
    return sink(row);
  }

  void keep_best(Ceilings& best) {
    const Ceilings now = measure_ceilings(engine_.workspace().driver().table(), engine_.workspace().driver().pool());
    best.read_gb_per_s = std::max(best.read_gb_per_s, now.read_gb_per_s);
    best.int8_gmac_per_s = std::max(best.int8_gmac_per_s, now.int8_gmac_per_s);
    best.f32_gmac_per_s = std::max(best.f32_gmac_per_s, now.f32_gmac_per_s);
  }

  Engine& engine_;
  const BenchOptions& options_;
  const uint64_t vocabulary_;
  Work body_, head_;
  std::vector<float> logits_;
  uint64_t random_ = 1;
};

double compute_seconds(const BenchRow& row) {
  return row.integer_macs / row.ceilings.int8_gmac_per_s / 1e9 + row.float_macs / row.ceilings.f32_gmac_per_s / 1e9;
}
double read_seconds(const BenchRow& row) { return row.bytes / row.ceilings.read_gb_per_s / 1e9; }

}  // namespace

double BenchRow::average_rate() const {
  double sum = 0;
  for (const double s : seconds) sum += tokens / s;
  return sum / double(seconds.size());
}

double BenchRow::deviation_of_rate() const {
  const double mean = average_rate();
  double squares = 0;
  for (const double s : seconds) squares += (tokens / s - mean) * (tokens / s - mean);
  return seconds.size() > 1 ? std::sqrt(squares / double(seconds.size() - 1)) : 0;
}

double BenchRow::best_seconds() const { return *std::min_element(seconds.begin(), seconds.end()); }
double BenchRow::least_seconds() const { return std::max(compute_seconds(*this), read_seconds(*this)); }
const char* BenchRow::limited_by() const { return compute_seconds(*this) > read_seconds(*this) ? "compute" : "bandwidth"; }

Status run_bench(Engine& engine, const BenchOptions& options, const std::function<Status(const BenchRow&)>& sink) {
  const std::lock_guard lock(engine.step_mutex());
  return Bench(engine, options).run(sink);
}

Result<std::vector<int64_t>> parse_counts(std::string_view flag, std::string_view text, int64_t low, int64_t high) {
  std::vector<int64_t> counts;
  for (std::string_view rest = text;;) {
    const std::string_view word = rest.substr(0, rest.find(','));
    int64_t count = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), count);
    if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size() || count < low || count > high)
      return fail(ErrorKind::kInvalidArgument, flag, " is \"", text, "\", wanted whole numbers from ", low, " to ", high,
                  ", separated by commas");
    counts.push_back(count);
    if (word.size() == rest.size()) return counts;
    rest.remove_prefix(word.size() + 1);
  }
}

}  // namespace nibble
