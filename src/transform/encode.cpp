#include "transform/encode.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <vector>

#include "formats/quant_reference.h"
#include "kernels/encode.h"

namespace nibble {
namespace {

// The exact optimum of -d, 0, d for one block: the k largest magnitudes get d, their weighted mean, for the
// best k. Returns values that are ternary already, which the reference encodes as they are.
void make_ternary(std::span<const float> values, std::span<const float> importance, std::span<float> out) {
  // A block that nobody measured weighs alike.
  const bool alike = std::ranges::all_of(importance, [](float w) { return w == 0; });
  const auto weight = [&](size_t i) { return alike ? 1.0 : double(importance[i]); };
  std::vector<uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::sort(order, [&](uint32_t a, uint32_t b) {
    const float x = std::abs(values[a]), y = std::abs(values[b]);
    return x > y || (x == y && a < b);
  });
  double sum = 0, weights = 0, best_gain = 0, scale = 0;
  for (const uint32_t i : order) {
    sum += weight(i) * std::abs(double(values[i]));
    weights += weight(i);
    if (weights > 0 && sum * sum / weights > best_gain)
      best_gain = sum * sum / weights, scale = sum / weights;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const double size = std::abs(double(values[i]));
    out[i] = size * 2 <= scale ? 0.0f : std::copysign(float(scale), values[i]);
  }
}

Status encode_ternary(FormatId format, std::span<const float> values, std::span<std::byte> out,
                      std::span<const float> importance) {
  const Format& row = format_of(format);
  std::vector<float> ternary(row.block_values);
  for (size_t i = 0, at = 0; i < values.size(); i += row.block_values, at += row.block_bytes) {
    const auto weights = importance.empty() ? importance : importance.subspan(i, row.block_values);
    make_ternary(values.subspan(i, row.block_values), weights, ternary);
    const auto block = out.subspan(at, row.block_bytes);
    if (encoder_of(kernels())(format, ternary.data(), nullptr, 1, reinterpret_cast<uint8_t*>(block.data())))
      continue;
    NIBBLE_CHECK_OK(encode_reference(format, ternary, block));
  }
  return {};
}

Status check_buffers(const Format& format, uint64_t values, uint64_t bytes, uint64_t weights) {
  NIBBLE_TRY(const uint64_t wanted, format_bytes(format, values));
  if (bytes != wanted)
    return fail(ErrorKind::kInvalidArgument, "buffer of ", bytes, " bytes; wanted ", wanted, " for ", values,
                " values of ", format.name);
  if (weights != 0 && weights != values)
    return fail(ErrorKind::kInvalidArgument, weights, " weights of importance for ", values, " values");
  return {};
}

}  // namespace

std::optional<size_t> find_not_finite(std::span<const float> values) {
  constexpr size_t kStep = 1024;
  for (size_t first = 0; first < values.size(); first += kStep) {
    const auto part = values.subspan(first, std::min(kStep, values.size() - first));
    // x * 0 is zero for numbers and NaN for all else: a sum that the compiler can make of vectors.
    bool finite = true;
    for (const float x : part) finite &= x * 0.0f == 0.0f;
    if (finite) continue;
    for (size_t i = 0; i < part.size(); ++i)
      if (!std::isfinite(part[i])) return first + i;
  }
  return std::nullopt;
}

Status encode_values(FormatId format, std::span<const float> values, std::span<std::byte> out,
                     std::span<const float> importance) {
  const Format& row = format_of(format);
  NIBBLE_CHECK_OK(check_buffers(row, values.size(), out.size(), importance.size()));
  if (row.activation == ActivationKind::kFloat) return encode_reference(format, values, out);
  if (const auto bad = find_not_finite(values))
    return fail(ErrorKind::kInvalidArgument, "value ", *bad, " is ", values[*bad],
                "; wanted finite values for ", row.name);
  if (format == FormatId::kTQ1_0 || format == FormatId::kTQ2_0)
    return encode_ternary(format, values, out, importance);
  const auto blocks = int64_t(values.size() / row.block_values);
  const float* weights = importance.empty() ? nullptr : importance.data();
  if (encoder_of(kernels())(format, values.data(), weights, blocks, reinterpret_cast<uint8_t*>(out.data())))
    return {};
  return encode_reference(format, values, out, importance);
}

Status encode_rows(ThreadPool& pool, FormatId format, uint64_t row_length, std::span<const float> values,
                   std::span<std::byte> out, std::span<const float> importance) {
  const Format& row = format_of(format);
  if (row_length == 0 || row_length % row.block_values != 0 || values.size() % row_length != 0)
    return fail(ErrorKind::kInvalidArgument, values.size(), " values in rows of ", row_length,
                "; wanted whole blocks of ", row.name, " (", row.block_values, " values)");
  if (!importance.empty() && importance.size() != row_length)
    return fail(ErrorKind::kInvalidArgument, importance.size(), " weights of importance for rows of ",
                row_length);
  NIBBLE_CHECK_OK(check_buffers(row, values.size(), out.size(), 0));
  if (values.empty()) return {};
  if (row.tensor_trailer_bytes > 0) return encode_values(format, values, out);

  // Rows in strips, taken by the threads as they come free: cores are not equally fast.
  const uint64_t rows = values.size() / row_length, row_bytes = out.size() / rows;
  const uint64_t strip = importance.empty() ? std::max<uint64_t>(1, 16384 / row_length) : 1;
  std::atomic<uint64_t> next = 0;
  std::mutex mutex;
  Status status;
  pool.run([&](int) {
    for (uint64_t first = next.fetch_add(strip); first < rows; first = next.fetch_add(strip)) {
      const uint64_t n = std::min(strip, rows - first);
      Status one = encode_values(format, values.subspan(first * row_length, n * row_length),
                                 out.subspan(first * row_bytes, n * row_bytes), importance);
      if (one) continue;
      const std::lock_guard lock(mutex);
      status = std::move(one);
      next = rows;
      return;
    }
  });
  return status;
}

}  // namespace nibble
