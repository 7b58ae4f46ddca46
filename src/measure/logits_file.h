// Log-probabilities of a base model over a text, saved so that a quantized model can be compared with it: 16
// bits a value, each position with its own top and range. Layout (little-endian): "NIBBLELP", u32 version 2,
// vocabulary, chunks; then per chunk u32 tokens, u32 first scored position, the i32 ids and per scored
// position f32 top, f32 range, u16 codes (vocabulary): log p = top - range * code / 65535.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/mapped_file.h"

namespace nibble {

// Tokens that belong together: each from `first_scored` + 1 on is predicted from all before it.
struct ScoredChunk {
  std::vector<int32_t> tokens;
  uint32_t first_scored = 0;  // the position whose prediction is scored first
  bool operator==(const ScoredChunk&) const = default;
  uint32_t scored() const { return uint32_t(tokens.size()) - first_scored - 1; }
};
inline constexpr uint32_t kMaxChunkTokens = 1 << 26;

// One position as it is stored. Log-probabilities more than kLogitsRange below the top are raised to that.
inline constexpr float kLogitsRange = 24;
struct PackedLogits {
  float top = 0, range = 0;
  std::vector<uint16_t> codes;
};
void pack_logits(std::span<const float> log_probabilities, PackedLogits& out);
void unpack_logits(const PackedLogits& packed, std::span<float> log_probabilities);

class LogitsWriter {
 public:
  // `chunks` are what will be written, for the size.
  static Result<LogitsWriter> create(const std::string& path, uint32_t vocabulary,
                                     std::span<const ScoredChunk> chunks);
  Status begin_chunk(const ScoredChunk& chunk);
  Status write_position(const PackedLogits& packed);
  Status finish() { return file_.commit(); }

 private:
  explicit LogitsWriter(AtomicFile file) : file_(std::move(file)) {}
  AtomicFile file_;
};

class LogitsReader {
 public:
  // Errors: not such a file, sizes that contradict each other.
  static Result<LogitsReader> open(const std::string& path);
  uint32_t vocabulary() const { return vocabulary_; }
  uint32_t chunks() const { return uint32_t(places_.size()); }
  ScoredChunk chunk(uint32_t number) const;
  // Position `scored` in [0, chunk(number).scored()).
  void read_position(uint32_t number, uint32_t scored, PackedLogits& out) const;

 private:
  struct Place {
    uint64_t at;  // of the ids
    uint32_t tokens, first_scored;
  };
  LogitsReader(MappedFile file, uint32_t vocabulary) : file_(std::move(file)), vocabulary_(vocabulary) {}
  MappedFile file_;
  uint32_t vocabulary_;
  std::vector<Place> places_;
};

}  // namespace nibble
