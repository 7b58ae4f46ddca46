#include "measure/logits_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/checked.h"

namespace nibble {
namespace {

constexpr char kMagic[8] = {'N', 'I', 'B', 'B', 'L', 'E', 'L', 'P'};
constexpr uint32_t kVersion = 1;
constexpr uint64_t kHeaderBytes = 24;

uint64_t position_bytes(const LogitsShape& shape) { return 8 + uint64_t{2} * shape.vocabulary; }
uint64_t chunk_bytes(const LogitsShape& shape) {
  return uint64_t{4} * shape.context + shape.scored() * position_bytes(shape);
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

void pack_logits(std::span<const float> log_probabilities, PackedLogits& out) {
  const auto [low, high] = std::ranges::minmax_element(log_probabilities);
  const auto top_index = size_t(high - log_probabilities.begin());
  out.top = *high;
  out.range = std::clamp(*high - *low, 1e-3f, kLogitsRange);
  out.codes.resize(log_probabilities.size());
  const float scale = 65535 / out.range;
  for (size_t i = 0; i < out.codes.size(); ++i) {
    const float code = std::clamp((out.top - log_probabilities[i]) * scale + 0.5f, 0.0f, 65535.0f);
    // Only the most likely token has code 0: it stays the most likely.
    out.codes[i] = i == top_index ? uint16_t{0} : std::max<uint16_t>(1, uint16_t(code));
  }
}

void unpack_logits(const PackedLogits& packed, std::span<float> log_probabilities) {
  const float step = packed.range / 65535;
  for (size_t i = 0; i < packed.codes.size(); ++i)
    log_probabilities[i] = packed.top - step * float(packed.codes[i]);
}

Result<LogitsWriter> LogitsWriter::create(const std::string& path, const LogitsShape& shape) {
  NIBBLE_TRY(AtomicFile file, AtomicFile::create(path));
  NIBBLE_CHECK_OK(file.reserve(kHeaderBytes + shape.chunks * chunk_bytes(shape)));
  NIBBLE_CHECK_OK(file.write(bytes_of(kMagic)));
  const uint32_t numbers[] = {kVersion, shape.vocabulary, shape.context, shape.chunks};
  NIBBLE_CHECK_OK(file.write(bytes_of(numbers)));
  return LogitsWriter(std::move(file));
}

Status LogitsWriter::write_tokens(std::span<const int32_t> tokens) {
  return file_.write(std::as_bytes(tokens));
}

Status LogitsWriter::write_position(const PackedLogits& packed) {
  NIBBLE_CHECK_OK(file_.write(bytes_of(packed.top)));
  NIBBLE_CHECK_OK(file_.write(bytes_of(packed.range)));
  return file_.write(std::as_bytes(std::span(packed.codes)));
}

Result<LogitsReader> LogitsReader::open(const std::string& path) {
  NIBBLE_TRY(MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  uint32_t numbers[4];
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0)
    return fail(ErrorKind::kBadFile, path, ": is not a file of saved logits");
  std::memcpy(numbers, bytes.data() + sizeof kMagic, sizeof numbers);
  if (numbers[0] != kVersion)
    return fail(ErrorKind::kUnsupported, path, ": version ", numbers[0], "; wanted ", kVersion);
  const LogitsShape shape{numbers[1], numbers[2], numbers[3]};
  if (shape.context < 4 || shape.context > (1u << 26) || shape.vocabulary == 0 ||
      shape.vocabulary > (1u << 24))
    return fail(ErrorKind::kBadFile, path, ": vocabulary ", shape.vocabulary, " and context ", shape.context);
  const auto all_chunks = checked_mul<uint64_t>(shape.chunks, chunk_bytes(shape));
  if (!all_chunks || *all_chunks != bytes.size() - kHeaderBytes)
    return fail(ErrorKind::kBadFile, path, ": has ", bytes.size(), " bytes, which do not hold ", shape.chunks,
                " chunks of ", shape.context, " tokens");
  return LogitsReader(std::move(file), shape);
}

std::vector<int32_t> LogitsReader::tokens(uint32_t chunk) const {
  std::vector<int32_t> ids(shape_.context);
  std::memcpy(ids.data(), file_.bytes().data() + kHeaderBytes + chunk * chunk_bytes(shape_),
              ids.size() * sizeof ids[0]);
  return ids;
}

void LogitsReader::read_position(uint32_t chunk, uint32_t scored, PackedLogits& out) const {
  const std::byte* at = file_.bytes().data() + kHeaderBytes + chunk * chunk_bytes(shape_) +
                        uint64_t{4} * shape_.context + scored * position_bytes(shape_);
  out.codes.resize(shape_.vocabulary);
  std::memcpy(&out.top, at, 4);
  std::memcpy(&out.range, at + 4, 4);
  std::memcpy(out.codes.data(), at + 8, out.codes.size() * sizeof out.codes[0]);
}

}  // namespace nibble
