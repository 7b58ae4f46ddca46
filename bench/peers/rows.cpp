#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>

#include "commands.h"

namespace nibble::peer {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Runs `work` (which handles `bytes`) until `seconds` have gone by; returns the best GB/s of as many calls at
// once as handle a megabyte.
template <class Work>
double best_rate(double bytes, double seconds, Work work) {
  const int calls = std::max(1, static_cast<int>(1e6 / bytes));
  double best = 0;
  const auto start = Clock::now();
  do {
    const auto from = Clock::now();
    for (int i = 0; i < calls; ++i) work();
    best = std::max(best, calls * bytes / seconds_since(from));
  } while (seconds_since(start) < seconds);
  return best * 1e-9;
}

std::vector<float> gaussian(std::size_t count) {
  std::mt19937 random(20260101);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace

Status dequantize(const PeerApi& api, const std::string& type) {
  NIBBLE_TRY(const std::int32_t id, api.type_id(type));
  const GgmlTypeTraits& traits = *api.type_traits(id);
  NIBBLE_TRY(const std::string blocks, read_file("-"));
  if (blocks.size() % traits.block_bytes != 0)
    return fail(ErrorKind::kInvalidArgument, blocks.size(), " bytes are no whole number of ",
                traits.type_name, " blocks of ", traits.block_bytes);
  const std::size_t count =
      blocks.size() / traits.block_bytes * static_cast<std::size_t>(traits.block_values);
  std::vector<float> values(count);
  if (id == 0) {
    std::memcpy(values.data(), blocks.data(), blocks.size());
  } else if (!traits.to_float) {
    return fail(ErrorKind::kUnsupported, "the peer does not decode ", traits.type_name);
  } else {
    traits.to_float(blocks.data(), values.data(), static_cast<std::int64_t>(count));
  }
  return write_file("-", values.data(), count * sizeof(float));
}

Status quantize(const PeerApi& api, const std::string& type, long long row_length,
                const std::string& importance) {
  NIBBLE_TRY(const std::int32_t id, api.type_id(type));
  const GgmlTypeTraits& traits = *api.type_traits(id);
  NIBBLE_TRY(const std::string input, read_file("-"));
  const auto count = static_cast<long long>(input.size() / sizeof(float));
  if (row_length <= 0 || row_length % traits.block_values != 0 || count % row_length != 0)
    return fail(ErrorKind::kInvalidArgument, "--row-length ", row_length, " must divide the ", count,
                " values and be a multiple of ", traits.block_values);
  std::vector<float> values(static_cast<std::size_t>(count));
  std::memcpy(values.data(), input.data(), values.size() * sizeof(float));
  std::vector<float> weights;
  if (!importance.empty()) {
    NIBBLE_TRY(const std::string bytes, read_file(importance));
    if (bytes.size() != static_cast<std::size_t>(row_length) * sizeof(float))
      return fail(ErrorKind::kInvalidArgument, importance, ": ", bytes.size(), " bytes; wanted ", row_length,
                  " f32");
    weights.resize(static_cast<std::size_t>(row_length));
    std::memcpy(weights.data(), bytes.data(), bytes.size());
  }
  std::string blocks(values.size() / static_cast<std::size_t>(traits.block_values) * traits.block_bytes,
                     '\0');
  api.quantize_chunk(id, values.data(), blocks.data(), 0, count / row_length, row_length,
                     weights.empty() ? nullptr : weights.data());
  return write_file("-", blocks.data(), blocks.size());
}

Status bench_rows(const PeerApi& api, const std::vector<std::string>& types, long long row_blocks,
                  double seconds) {
  for (const std::string& name : types) {
    NIBBLE_TRY(const std::int32_t id, api.type_id(name));
    const GgmlTypeTraits& traits = *api.type_traits(id);
    // Without a number 1 MiB of floats: stays in L2 as a matmul's scratch would.
    const long long row = row_blocks > 0 ? row_blocks * traits.block_values : 4096,
                    rows = row_blocks > 0 ? 1 : 64;
    const std::vector<float> values = gaussian(static_cast<std::size_t>(row * rows));
    std::vector<float> decoded(values.size());
    if (!traits.to_float) return fail(ErrorKind::kUnsupported, "the peer does not decode ", traits.type_name);
    std::string blocks(values.size() / static_cast<std::size_t>(traits.block_values) * traits.block_bytes,
                       '\0');
    const double f32_bytes = static_cast<double>(values.size() * sizeof(float));
    const double encode = best_rate(f32_bytes, seconds, [&] {
      api.quantize_chunk(id, values.data(), blocks.data(), 0, rows, row, nullptr);
    });
    const double decode = best_rate(f32_bytes, seconds, [&] {
      traits.to_float(blocks.data(), decoded.data(), static_cast<std::int64_t>(decoded.size()));
    });
    double error = 0, power = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double difference = static_cast<double>(values[i]) - static_cast<double>(decoded[i]);
      error += difference * difference;
      power += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    }
    std::printf(
        "{\"type\":\"%s\",\"threads\":1,\"decode_gbps_f32\":%.3f,\"encode_gbps_f32\":%.4f,"
        "\"gaussian_nmse\":%.4e}\n",
        traits.type_name, decode, encode, error / power);
    std::fflush(stdout);
  }
  return {};
}

}  // namespace nibble::peer
