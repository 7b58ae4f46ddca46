#include "measure/bench.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string>

namespace nibble {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// What one pass over the weights costs: bytes read, multiply-adds of one token, by the unit that does them.
struct Work {
  double bytes = 0, integer_macs = 0, float_macs = 0, bf16_macs = 0;  // bf16: of float_macs, those in that format
  void add(const Linear& linear) {
    if (!linear.present()) return;
    const TensorView& view = linear.view;
    const double macs = double(view.rows()) * double(view.row_length());
    bytes += double(view.rows()) * double(view.row_bytes());
    (view.format->activation == ActivationKind::kFloat ? float_macs : integer_macs) += macs;
    if (view.format->id == FormatId::kBF16) bf16_macs += macs;
  }
};

Work body_work(const ModelWeights& weights) {
  Work work;
  for (const LayerWeights& layer : weights.layers)
    for (const Linear* linear : {&layer.attn_q, &layer.attn_k, &layer.attn_v, &layer.attn_output,
                                 &layer.ffn_gate, &layer.ffn_up, &layer.ffn_down})
      work.add(*linear);
  return work;
}

Work head_work(const ModelWeights& weights) {
  Work work;
  work.add(weights.output);
  return work;
}

std::string row_name(const BenchRow& row) {
  std::string name = row.prompt > 0 ? concat("pp", row.prompt) : concat("tg", row.generate);
  if (row.columns > 1) name += concat(" x", row.columns);
  if (row.depth > 0) name += concat(" @ d", row.depth);
  if (row.kv_type != kv_type_name(KvType::kF16)) name += concat(" kv ", row.kv_type);
  return name;
}

int64_t most(const std::vector<int64_t>& counts) {
  return counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
}

// Sequences that a depth needs at the same time.
int64_t sequences_of(const BenchOptions& options) {
  return std::max<int64_t>(1, options.generate > 0 ? most(options.columns) : 1);
}

class Bench {
 public:
  Bench(Engine& engine, const BenchOptions& options)
      : engine_(engine),
        options_(options),
        vocabulary_(uint64_t(engine.model().config().vocabulary)),
        body_(body_work(engine.model().weights())),
        head_(head_work(engine.model().weights())),
        meter_(engine.workspace().driver().table(), engine.workspace().driver().pool(),
               uint64_t(body_.bytes + head_.bytes), engine.workspace().driver().fast_bf16()) {}

  Result<std::vector<BenchRow>> run(const BenchProgress& progress) {
    constexpr int kCeilingRepeats = 4;
    for (const int64_t depth : options_.depths) NIBBLE_CHECK_OK(add_depth(depth));
    size_t done = 0;
    size_t count = 0;
    for (const Depth& depth : depths_) count += depth.rows.size();
    Ceilings best;
    for (int repeat = -1; repeat < options_.repeats; ++repeat) {  // the first one warms up
      const Ceilings now = meter_.measure(kCeilingRepeats);
      best.keep_best(now);
      for (Depth& depth : depths_)
        for (BenchRow& row : depth.rows) {
          if (progress) progress(done++, count * size_t(options_.repeats + 1));
          NIBBLE_TRY(const double seconds, sample(row, depth.sequences));
          if (repeat >= 0) row.add_sample(seconds, now);
        }
    }
    if (progress) progress(done, done);
    best.keep_best(meter_.measure(kCeilingRepeats));
    std::vector<BenchRow> rows;
    for (Depth& depth : depths_)
      for (BenchRow& row : depth.rows) {
        row.ceilings = best;
        rows.push_back(std::move(row));
      }
    return rows;
  }

 private:
  // Rows that begin after the same number of positions share sequences that hold these.
  struct Depth {
    std::vector<KvSequence> sequences;
    std::vector<BenchRow> rows;
  };

  Status add_depth(int64_t positions) {
    Depth& depth = depths_.emplace_back();
    for (const int64_t prompt : options_.prompts)
      if (prompt > 0) depth.rows.push_back(make_row(prompt, 0, positions, 1));
    if (options_.generate > 0)
      for (const int64_t columns : options_.columns)
        depth.rows.push_back(make_row(0, options_.generate, positions, columns));
    for (int64_t i = 0; i < sequences_of(options_); ++i) {
      depth.sequences.emplace_back(engine_.kv_pool());
      NIBBLE_CHECK_OK(prefill(depth.sequences.back(), positions, false));
    }
    return {};
  }

  BenchRow make_row(int64_t prompt, int64_t generate, int64_t depth, int64_t columns) const {
    BenchRow row;
    row.prompt = prompt, row.generate = generate, row.depth = depth, row.columns = columns;
    row.kv_type = kv_type_name(engine_.model().kv_layout().type);
    row.name = row_name(row);
    if (engine_.workspace().driver().fast_bf16()) row.name += " fast-bf16";
    row.isa = engine_.workspace().driver().table().name;
    row.operations = generate > 0 ? double(generate) : std::ceil(double(prompt) / double(engine_.batch()));
    const double heads = generate > 0 ? double(generate * columns) : 1;
    row.tokens = double((prompt + generate) * columns);
    row.bytes = body_.bytes * row.operations + head_.bytes * (generate > 0 ? row.operations : 1);
    row.integer_macs = body_.integer_macs * row.tokens + head_.integer_macs * heads;
    row.float_macs = body_.float_macs * row.tokens + head_.float_macs * heads;
    if (engine_.workspace().driver().fast_bf16())
      row.bf16_macs = body_.bf16_macs * row.tokens + head_.bf16_macs * heads;
    add_attention(row);
    return row;
  }

  // Multiply-adds of attention over all tokens after `depth` positions, and the bytes of the cache they read.
  void add_attention(BenchRow& row) const {
    const ModelConfig& config = engine_.model().config();
    const int64_t count = row.prompt + row.generate;
    for (const LayerConfig& layer : config.layers) {
      double positions = 0;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t seen = row.depth + i + 1;
        positions += double(layer.window > 0 ? std::min(seen, layer.window) : seen);
      }
      const KvType type = engine_.model().kv_layout().type;
      (type == KvType::kF16 ? row.float_macs : row.integer_macs) +=
          2.0 * positions * layer.heads * config.head_dim * double(row.columns);
      // Prefill reads the cache once a tile of tokens, from caches: only decode counts its bytes.
      if (row.generate > 0)
        row.bytes += 2.0 * positions * layer.kv_heads * double(kv_head_bytes(type, config.head_dim)) /
                     kKvPageTokens * double(row.columns);
    }
  }

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
      const Span span{&sequence, sequence.length(), tokens,
                      last ? Span::Want::kLastLogits : Span::Want::kNothing};
      logits_.resize(last ? vocabulary_ : 0);
      NIBBLE_CHECK_OK(engine_.model().forward(engine_.workspace(), std::span(&span, 1), logits_));
    }
    return {};
  }

  Status decode(std::span<KvSequence> sequences) {
    std::vector<int32_t> tokens(sequences.size());
    std::vector<Span> spans(sequences.size());
    logits_.resize(sequences.size() * vocabulary_);
    for (size_t i = 0; i < sequences.size(); ++i) {
      tokens[i] = next_token();
      spans[i] = {&sequences[i], sequences[i].length(), std::span(&tokens[i], 1), Span::Want::kLastLogits};
    }
    return engine_.model().forward(engine_.workspace(), spans, logits_);
  }

  Result<double> sample(const BenchRow& row, std::vector<KvSequence>& sequences) {
    for (KvSequence& sequence : sequences) sequence.truncate(row.depth);
    const auto begin = Clock::now();
    if (row.prompt > 0) NIBBLE_CHECK_OK(prefill(sequences.front(), row.prompt, true));
    for (int64_t i = 0; i < row.generate; ++i)
      NIBBLE_CHECK_OK(decode(std::span(sequences).first(size_t(row.columns))));
    return seconds_since(begin);
  }

  Engine& engine_;
  const BenchOptions& options_;
  const uint64_t vocabulary_;
  Work body_, head_;
  CeilingMeter meter_;
  std::vector<Depth> depths_;
  std::vector<float> logits_;
  uint64_t random_ = 1;
};

}  // namespace

int64_t bench_context(const BenchOptions& options) {
  return most(options.depths) + std::max(most(options.prompts), options.generate);
}

int64_t bench_sessions(const BenchOptions& options) {
  return std::min<int64_t>(sequences_of(options) * int64_t(options.depths.size()),
                           int64_t(kSessionsRange.high));
}

Result<std::vector<BenchRow>> run_bench(Engine& engine, const BenchOptions& options,
                                        const BenchProgress& progress) {
  const std::lock_guard lock(engine.step_mutex());
  return Bench(engine, options).run(progress);
}

Result<std::vector<int64_t>> parse_counts(std::string_view flag, std::string_view text, int64_t low,
                                          int64_t high) {
  std::vector<int64_t> counts;
  for (std::string_view rest = text;;) {
    const std::string_view word = rest.substr(0, rest.find(','));
    int64_t count = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), count);
    if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size() || count < low || count > high)
      return fail(ErrorKind::kInvalidArgument, flag, " is \"", text, "\", wanted whole numbers from ", low,
                  " to ", high, ", separated by commas");
    counts.push_back(count);
    if (word.size() == rest.size()) return counts;
    rest.remove_prefix(word.size() + 1);
  }
}

}  // namespace nibble
