#include "transform/quantize.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "transform/decode.h"
#include "transform/encode.h"
#include "transform/quantize_output.h"

namespace nibble {
namespace {

// Converts tensors one after another, a stretch of rows at a time, each thread taking strips of rows.
class Converter {
 public:
  Converter(const GgufFile& file, const QuantizePlan& plan, const QuantizeOptions& options, ThreadPool& pool,
            QuantizeOutput& output)
      : file_(file),
        verbatim_(plan.copy),
        options_(options),
        pool_(pool),
        output_(output),
        strips_(size_t(pool.threads())) {}

  // report(bytes of the input done) after each stretch: an error ends it.
  template <class Report>
  Status convert(const PlannedTensor& planned, const Report& report) {
    const TensorView& tensor = *planned.tensor;
    // Floats that keep their format pass through the same check as all others: exactly.
    const bool is_float = tensor.format->activation == ActivationKind::kFloat;
    if (planned.copied() && (verbatim_ || !is_float)) return copy(tensor, report);
    if (planned.format->tensor_trailer_bytes > 0) return convert_whole(planned, report);
    const uint64_t length = tensor.row_length(), rows = tensor.rows();
    const uint64_t stretch = std::max<uint64_t>(1, kValuesAtOnce / length);
    for (uint64_t first = 0; first < rows; first += stretch) {
      const uint64_t n = std::min(stretch, rows - first);
      NIBBLE_CHECK_OK(convert_stretch(planned, first, n));
      NIBBLE_CHECK_OK(output_.write(bytes_));
      NIBBLE_CHECK_OK(done(tensor.bytes.subspan(first * tensor.row_bytes(), n * tensor.row_bytes()), report));
    }
    return {};
  }

  uint64_t zeroed() const { return zeroed_; }

 private:
  static constexpr uint64_t kValuesAtOnce = 8 << 20;
  static constexpr uint64_t kStripValues = 16384;

  // Input that was read and is not needed again: memory stays bounded whatever the file's size.
  template <class Report>
  Status done(std::span<const std::byte> part, const Report& report) {
    file_.release(part);
    return report(part.size());
  }

  template <class Report>
  Status copy(const TensorView& tensor, const Report& report) {
    constexpr size_t kStep = 16 << 20;
    for (size_t at = 0; at < tensor.bytes.size(); at += kStep) {
      const auto part = tensor.bytes.subspan(at, std::min(kStep, tensor.bytes.size() - at));
      NIBBLE_CHECK_OK(output_.write(part));
      NIBBLE_CHECK_OK(done(part, report));
    }
    return {};
  }

  // Formats with one scale for the tensor need all of it.
  template <class Report>
  Status convert_whole(const PlannedTensor& planned, const Report& report) {
    std::vector<float> values(planned.tensor->values());
    NIBBLE_CHECK_OK(decode_rows(*planned.tensor, 0, values));
    NIBBLE_CHECK_OK(check_finite(*planned.tensor, 0, values));
    bytes_.resize(planned.bytes);
    NIBBLE_CHECK_OK(encode_values(planned.format->id, values, bytes_));
    NIBBLE_CHECK_OK(output_.write(bytes_));
    return done(planned.tensor->bytes, report);
  }

  Status convert_stretch(const PlannedTensor& planned, uint64_t first, uint64_t rows) {
    const TensorView& tensor = *planned.tensor;
    const uint64_t length = tensor.row_length(), row_bytes = planned.bytes / tensor.rows();
    bytes_.resize(rows * row_bytes);
    const uint64_t strip = std::max<uint64_t>(1, kStripValues / length);
    std::atomic<uint64_t> next = 0;
    std::mutex mutex;
    Status status;
    const auto one_strip = [&](std::vector<float>& values, uint64_t at, uint64_t n) -> Status {
      values.resize(n * length);
      NIBBLE_CHECK_OK(decode_rows(tensor, first + at, values));
      NIBBLE_CHECK_OK(check_finite(tensor, (first + at) * length, values));
      const auto out = std::span(bytes_).subspan(at * row_bytes, n * row_bytes);
      if (planned.importance.empty()) return encode_values(planned.format->id, values, out);
      for (uint64_t row = 0; row < n; ++row)
        NIBBLE_CHECK_OK(encode_values(planned.format->id, std::span(values).subspan(row * length, length),
                                      out.subspan(row * row_bytes, row_bytes),
                                      importance_of_row(planned, first + at + row)));
      return {};
    };
    pool_.run([&](int thread) {
      for (uint64_t at = next.fetch_add(strip); at < rows; at = next.fetch_add(strip)) {
        Status done = one_strip(strips_[size_t(thread)], at, std::min(strip, rows - at));
        if (done) continue;
        const std::lock_guard lock(mutex);
        // Of several, the first in the tensor would be best; any will do.
        if (status) status = std::move(done);
        next = rows;
      }
    });
    return status;
  }

  // Weights of a row's inputs; stacked experts may have their own.
  static std::span<const float> importance_of_row(const PlannedTensor& planned, uint64_t row) {
    const uint64_t length = planned.tensor->row_length(), matrices = planned.importance.size() / length;
    return planned.importance.subspan((matrices > 1 ? row / planned.tensor->dims[1] : 0) * length, length);
  }

  Status check_finite(const TensorView& tensor, uint64_t first_value, std::span<float> values) {
    for (size_t from = 0;;) {
      const auto bad = find_not_finite(values.subspan(from));
      if (!bad) return {};
      const size_t at = from + *bad;
      if (!options_.allow_non_finite)
        return fail(ErrorKind::kBadFile, file_.path(), ": tensor ", tensor.name, ": value ", first_value + at,
                    " is ", values[at], "; wanted finite weights (--allow-non-finite makes them zeros)");
      values[at] = 0;
      ++zeroed_;
      from = at + 1;
    }
  }

  const GgufFile& file_;
  const bool verbatim_;
  const QuantizeOptions& options_;
  ThreadPool& pool_;
  QuantizeOutput& output_;
  std::vector<std::vector<float>> strips_;  // one a thread
  std::vector<std::byte> bytes_;
  std::atomic<uint64_t> zeroed_ = 0;
};

}  // namespace

Result<QuantizeReport> run_quantize(const GgufFile& file, const QuantizePlan& plan,
                                    const QuantizeOptions& options, const std::string& path, ThreadPool& pool,
                                    const std::function<bool(const QuantizeProgress&)>& progress) {
  NIBBLE_TRY(QuantizeOutput output, QuantizeOutput::create(file, plan, options, path));
  Converter converter(file, plan, options, pool, output);
  QuantizeProgress state{.bytes_total = plan.input_bytes};
  const auto report = [&](uint64_t bytes) -> Status {
    state.bytes_done += bytes;
    if (!progress || progress(state)) return {};
    return fail(ErrorKind::kCancelled, "interrupted: nothing was written");
  };
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    if (i + 1 < plan.tensors.size()) file.prefetch(*plan.tensors[i + 1].tensor);
    state.tensor = plan.tensors[i].tensor;
    NIBBLE_CHECK_OK(converter.convert(plan.tensors[i], report));
    NIBBLE_CHECK_OK(output.end_tensor());
  }
  NIBBLE_CHECK_OK(output.finish());
  return QuantizeReport{output_paths(plan, path), converter.zeroed()};
}

}  // namespace nibble
