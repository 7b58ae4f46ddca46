#include "measure/perplexity.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "measure/logits_file.h"

namespace nibble {
namespace {

// Sums for a mean and its standard error.
class Mean {
 public:
  void add(double x) { ++count_, sum_ += x, squares_ += x * x; }
  double value() const { return count_ ? sum_ / double(count_) : 0; }
  double error() const {
    if (count_ < 2) return 0;
    const double variance = squares_ / double(count_) - value() * value();
    return variance > 0 ? std::sqrt(variance / double(count_ - 1)) : 0;
  }
  Estimate estimate() const { return {value(), error()}; }
  int64_t count() const { return count_; }

 private:
  int64_t count_ = 0;
  double sum_ = 0, squares_ = 0;
};

Estimate exponential(const Mean& mean) {
  const double value = std::exp(mean.value());
  return {value, value * mean.error()};
}

// What is computed of one position, on any thread.
struct Position {
  double nll = 0, base_nll = 0, kl = 0;
  bool same_top = false;
  PackedLogits packed;  // of this model, to save
};

class Perplexity {
 public:
  Perplexity(Engine& engine, const PerplexityOptions& options) : engine_(engine), options_(options) {}

  Result<PerplexityResult> run(std::string_view text,
                               const std::function<void(const PerplexityProgress&)>& progress) {
    NIBBLE_CHECK_OK(prepare(text));
    for (size_t i = 0; i < chunks_.size(); ++i) {
      NIBBLE_CHECK_OK(score_chunk(uint32_t(i)));
      if (progress) progress({int64_t(i) + 1, int64_t(chunks_.size()), std::exp(nll_.value())});
    }
    if (writer_) NIBBLE_CHECK_OK(writer_->finish());
    return result();
  }

 private:
  Status prepare(std::string_view text) {
    vocabulary_ = uint32_t(engine_.model().config().vocabulary);
    if (!options_.base_logits.empty())
      NIBBLE_CHECK_OK(take_chunks_of_base());
    else if (options_.documents)
      NIBBLE_CHECK_OK(cut_into_documents(text));
    else
      NIBBLE_CHECK_OK(cut_into_chunks(text));
    if (options_.chunks > 0 && chunks_.size() > size_t(options_.chunks))
      chunks_.resize(size_t(options_.chunks));
    if (chunks_.empty()) return fail(ErrorKind::kInvalidArgument, "no chunks to score");
    for (const ScoredChunk& chunk : chunks_)
      if (int64_t(chunk.tokens.size()) > engine_.context())
        return fail(ErrorKind::kInvalidArgument, "chunks of ", chunk.tokens.size(),
                    " tokens; the context is ", engine_.context());
    if (!options_.save_logits.empty()) {
      NIBBLE_TRY(LogitsWriter writer, LogitsWriter::create(options_.save_logits, vocabulary_, chunks_));
      writer_.emplace(std::move(writer));
    }
    return {};
  }

  Status take_chunks_of_base() {
    NIBBLE_TRY(LogitsReader reader, LogitsReader::open(options_.base_logits));
    if (reader.vocabulary() != vocabulary_)
      return fail(ErrorKind::kInvalidArgument, options_.base_logits, ": vocabulary of ", reader.vocabulary(),
                  " tokens; the model has ", vocabulary_);
    for (uint32_t i = 0; i < reader.chunks(); ++i) {
      chunks_.push_back(reader.chunk(i));
      for (const TokenId id : chunks_.back().tokens)
        if (id < 0 || int64_t(id) >= int64_t(vocabulary_))
          return fail(ErrorKind::kBadFile, options_.base_logits, ": token id ", id,
                      " outside the vocabulary");
    }
    base_.emplace(std::move(reader));
    return {};
  }

  Status cut_into_chunks(std::string_view text) {
    const Tokenizer& tokenizer = engine_.tokenizer();
    const auto ids = tokenizer.encode(text, {.add_special = true, .parse_special = options_.special});
    const auto size = size_t(options_.context);
    if (ids.size() < size)
      return fail(ErrorKind::kInvalidArgument, "the text has ", ids.size(),
                  " tokens; wanted at least one chunk of ", options_.context);
    for (size_t at = 0; at + size <= ids.size(); at += size) {
      ScoredChunk& chunk = chunks_.emplace_back();
      chunk.tokens.assign(ids.begin() + int64_t(at), ids.begin() + int64_t(at + size));
      chunk.first_scored = uint32_t(size / 2);
      if (tokenizer.add_bos() && tokenizer.special().bos != kNoToken)
        chunk.tokens[0] = tokenizer.special().bos;
    }
    return {};
  }

  Status cut_into_documents(std::string_view text) {
    const Tokenizer& tokenizer = engine_.tokenizer();
    const TokenId eos = tokenizer.special().eos;
    const std::string_view end = eos == kNoToken ? std::string_view() : tokenizer.piece(eos, true);
    if (end.empty())
      return fail(ErrorKind::kUnsupported, "the vocabulary names no end-of-text token to cut documents at");
    const std::shared_ptr<TokenizerScratch> scratch = tokenizer.make_scratch();
    while (!text.empty()) {
      const size_t found = text.find(end), size = found == text.npos ? text.size() : found + end.size();
      ScoredChunk chunk;
      tokenizer.encode(text.substr(0, size), {.add_special = true, .parse_special = true}, *scratch,
                       chunk.tokens);
      text.remove_prefix(size);
      if (text.starts_with('\n')) text.remove_prefix(1);
      if (chunk.tokens.size() > size_t(options_.context)) chunk.tokens.resize(size_t(options_.context));
      if (chunk.tokens.size() >= 2) chunks_.push_back(std::move(chunk));
    }
    return {};
  }

  Status score_chunk(uint32_t number) {
    const ScoredChunk& chunk = chunks_[number];
    if (writer_) NIBBLE_CHECK_OK(writer_->begin_chunk(chunk));
    KvSequence sequence(engine_.kv_pool());
    const int64_t first = chunk.first_scored, end = int64_t(chunk.tokens.size()) - 1;
    NIBBLE_CHECK_OK(forward(sequence, chunk.tokens, 0, first, Span::Want::kNothing));
    // Logits of a large vocabulary come in parts.
    const int64_t step = std::clamp<int64_t>(kLogitsAtOnce / vocabulary_, 1, engine_.batch());
    for (int64_t at = first; at < end; at += step) {
      const int64_t n = std::min(step, end - at);
      logits_.resize(size_t(n) * vocabulary_);
      NIBBLE_CHECK_OK(forward(sequence, chunk.tokens, at, at + n, Span::Want::kAllLogits));
      NIBBLE_CHECK_OK(score_positions(number, at, n));
    }
    return {};
  }

  Status forward(KvSequence& sequence, std::span<const TokenId> tokens, int64_t from, int64_t to,
                 Span::Want want) {
    const int64_t batch = want == Span::Want::kNothing ? engine_.batch() : to - from;
    for (int64_t at = from; at < to; at += batch) {
      const int64_t n = std::min(batch, to - at);
      const Span span{&sequence, at, tokens.subspan(size_t(at), size_t(n)), want};
      const auto out = want == Span::Want::kNothing ? std::span<float>() : std::span<float>(logits_);
      NIBBLE_CHECK_OK(engine_.model().forward(engine_.workspace(), {&span, 1}, out));
    }
    return {};
  }

  Status score_positions(uint32_t number, int64_t first, int64_t count) {
    const ScoredChunk& chunk = chunks_[number];
    std::vector<Position> positions(static_cast<size_t>(count));
    engine_.workspace().driver().parallel_for(count, 1, 1e6, [&](int64_t begin, int64_t end) {
      PackedLogits base;
      std::vector<float> base_log;
      for (int64_t i = begin; i < end; ++i) {
        const std::span<float> row = std::span(logits_).subspan(size_t(i) * vocabulary_, vocabulary_);
        to_log_probabilities(row);
        const TokenId next = chunk.tokens[size_t(first + i + 1)];
        Position& position = positions[size_t(i)];
        position.nll = -double(row[size_t(next)]);
        if (base_) {
          base_->read_position(number, uint32_t(first + i - chunk.first_scored), base);
          base_log.resize(vocabulary_);
          unpack_logits(base, base_log);
          compare(base_log, row, next, position);
        }
        if (writer_) pack_logits(row, position.packed);
      }
    });
    for (const Position& position : positions) {
      add(position);
      if (writer_) NIBBLE_CHECK_OK(writer_->write_position(position.packed));
    }
    return {};
  }

  static void to_log_probabilities(std::span<float> row) {
    const float top = *std::ranges::max_element(row);
    double sum = 0;
    for (const float x : row) sum += std::exp(x - top);
    const float log_sum = top + float(std::log(sum));
    for (float& x : row) x -= log_sum;
  }

  static void compare(std::span<const float> base, std::span<const float> own, TokenId next,
                      Position& position) {
    double kl = 0;
    for (size_t i = 0; i < base.size(); ++i)
      kl += double(std::exp(base[i])) * (double(base[i]) - double(own[i]));
    position.kl = kl;
    position.base_nll = -double(base[size_t(next)]);
    position.same_top =
        std::ranges::max_element(base) - base.begin() == std::ranges::max_element(own) - own.begin();
  }

  void add(const Position& position) {
    nll_.add(position.nll);
    if (!base_) return;
    base_nll_.add(position.base_nll);
    ratio_.add(position.nll - position.base_nll);
    kl_.add(position.kl);
    kl_values_.push_back(float(position.kl));
    same_.add(position.same_top ? 1 : 0);
    const double difference = std::exp(-position.nll) - std::exp(-position.base_nll);
    squares_.add(difference * difference);
  }

  PerplexityResult result() {
    PerplexityResult result;
    result.chunks = int64_t(chunks_.size());
    result.scored = nll_.count();
    result.perplexity = exponential(nll_);
    if (!base_) return result;
    std::ranges::sort(kl_values_);
    const auto quantile = [&](double q) {
      return double(kl_values_[size_t(q * double(kl_values_.size() - 1))]);
    };
    Divergence divergence;
    divergence.base_perplexity = exponential(base_nll_);
    divergence.log_ratio = ratio_.estimate();
    divergence.kl = kl_.estimate();
    divergence.kl_median = quantile(0.5), divergence.kl_p99 = quantile(0.99), divergence.kl_max = quantile(1);
    divergence.same_top = same_.estimate();
    const double rms = std::sqrt(squares_.value());
    divergence.probability_rms = {rms, rms > 0 ? squares_.error() / (2 * rms) : 0};
    result.divergence = divergence;
    return result;
  }

  static constexpr int64_t kLogitsAtOnce = 16 << 20;
  Engine& engine_;
  const PerplexityOptions& options_;
  uint32_t vocabulary_ = 0;
  std::vector<ScoredChunk> chunks_;
  std::optional<LogitsReader> base_;
  std::optional<LogitsWriter> writer_;
  std::vector<float> logits_;
  Mean nll_, base_nll_, ratio_, kl_, same_, squares_;
  std::vector<float> kl_values_;
};

}  // namespace

Result<PerplexityResult> measure_perplexity(Engine& engine, std::string_view text,
                                            const PerplexityOptions& options,
                                            const std::function<void(const PerplexityProgress&)>& progress) {
  const std::lock_guard lock(engine.step_mutex());
  return Perplexity(engine, options).run(text, progress);
}

}  // namespace nibble
