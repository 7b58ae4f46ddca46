#include "measure/logits_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace nibble {
namespace {

constexpr char kMagic[8] = {'N', 'I', 'B', 'B', 'L', 'E', 'L', 'P'};
constexpr uint32_t kVersion = 2;
constexpr uint64_t kHeaderBytes = 20, kChunkHeaderBytes = 8;

uint64_t position_bytes(uint32_t vocabulary) { return 8 + uint64_t{2} * vocabulary; }

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

Result<LogitsWriter> LogitsWriter::create(const std::string& path, uint32_t vocabulary,
                                          std::span<const ScoredChunk> chunks) {
  uint64_t bytes = kHeaderBytes;
  for (const ScoredChunk& chunk : chunks)
    bytes +=
        kChunkHeaderBytes + uint64_t{4} * chunk.tokens.size() + chunk.scored() * position_bytes(vocabulary);
  NIBBLE_TRY(AtomicFile file, AtomicFile::create(path));
  NIBBLE_CHECK_OK(file.reserve(bytes));
  NIBBLE_CHECK_OK(file.write(bytes_of(kMagic)));
  const uint32_t numbers[] = {kVersion, vocabulary, uint32_t(chunks.size())};
  NIBBLE_CHECK_OK(file.write(bytes_of(numbers)));
  return LogitsWriter(std::move(file));
}

Status LogitsWriter::begin_chunk(const ScoredChunk& chunk) {
  const uint32_t numbers[] = {uint32_t(chunk.tokens.size()), chunk.first_scored};
  NIBBLE_CHECK_OK(file_.write(bytes_of(numbers)));
  return file_.write(std::as_bytes(std::span(chunk.tokens)));
}

Status LogitsWriter::write_position(const PackedLogits& packed) {
  NIBBLE_CHECK_OK(file_.write(bytes_of(packed.top)));
  NIBBLE_CHECK_OK(file_.write(bytes_of(packed.range)));
  return file_.write(std::as_bytes(std::span(packed.codes)));
}

Result<LogitsReader> LogitsReader::open(const std::string& path) {
  NIBBLE_TRY(MappedFile file, MappedFile::open(path));
  const auto bytes = file.bytes();
  uint32_t numbers[3];
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0)
    return fail(ErrorKind::kBadFile, path, ": is not a file of saved logits");
  std::memcpy(numbers, bytes.data() + sizeof kMagic, sizeof numbers);
  const auto [version, vocabulary, chunks] = numbers;
  if (version != kVersion)
    return fail(ErrorKind::kUnsupported, path, ": version ", version, "; wanted ", kVersion);
  if (vocabulary == 0 || vocabulary > (1u << 24))
    return fail(ErrorKind::kBadFile, path, ": vocabulary ", vocabulary);
  LogitsReader reader(std::move(file), vocabulary);
  uint64_t at = kHeaderBytes;
  for (uint32_t i = 0; i < chunks; ++i) {
    uint32_t head[2] = {};
    if (bytes.size() - at < sizeof head)
      return fail(ErrorKind::kBadFile, path, ": ends in chunk ", i, " of ", chunks);
    std::memcpy(head, bytes.data() + at, sizeof head);
    at += sizeof head;
    const auto [tokens, first] = head;
    if (tokens < 2 || tokens > kMaxChunkTokens || first > tokens - 2)
      return fail(ErrorKind::kBadFile, path, ": chunk ", i, " of ", tokens, " tokens, scored from ", first);
    // At most 2^26 * (4 + 8 + 2 * 2^24) bytes: no overflow.
    const uint64_t size = uint64_t{4} * tokens + (tokens - first - 1) * position_bytes(vocabulary);
    if (bytes.size() - at < size)
      return fail(ErrorKind::kBadFile, path, ": ends in chunk ", i, " of ", chunks);
    reader.places_.push_back({at, tokens, first});
    at += size;
  }
  if (at != bytes.size())
    return fail(ErrorKind::kBadFile, path, ": has ", bytes.size(), " bytes; its ", chunks, " chunks end at ",
                at);
  return reader;
}

ScoredChunk LogitsReader::chunk(uint32_t number) const {
  const Place& place = places_[number];
  ScoredChunk chunk{std::vector<int32_t>(place.tokens), place.first_scored};
  std::memcpy(chunk.tokens.data(), file_.bytes().data() + place.at, chunk.tokens.size() * sizeof(int32_t));
  return chunk;
}

void LogitsReader::read_position(uint32_t number, uint32_t scored, PackedLogits& out) const {
  const Place& place = places_[number];
  const std::byte* at =
      file_.bytes().data() + place.at + uint64_t{4} * place.tokens + scored * position_bytes(vocabulary_);
  out.codes.resize(vocabulary_);
  std::memcpy(&out.top, at, 4);
  std::memcpy(&out.range, at + 4, 4);
  std::memcpy(out.codes.data(), at + 8, out.codes.size() * sizeof out.codes[0]);
}

}  // namespace nibble
