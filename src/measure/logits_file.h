// Log-probabilities of a base model over a text, saved so that a quantized model can be compared with it: 16
// bits a value, each position with its own top and range. Layout (little-endian): "NIBBLELP", u32 version 1,
// vocabulary, context, chunks; then per chunk the i32 ids (context) and per scored position f32 top, f32
// range, u16 codes (vocabulary): log p = top - range * code / 65535.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/mapped_file.h"

namespace nibble {

struct LogitsShape {
  uint32_t vocabulary = 0;
  uint32_t context = 0;  // tokens of a chunk
  uint32_t chunks = 0;
  bool operator==(const LogitsShape&) const = default;
  // The second half of a chunk is scored; its last token has nothing to predict.
  uint32_t first_scored() const { return context / 2; }
  uint32_t scored() const { return context - first_scored() - 1; }
};

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
  static Result<LogitsWriter> create(const std::string& path, const LogitsShape& shape);
  Status write_tokens(std::span<const int32_t> tokens);
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
  const LogitsShape& shape() const { return shape_; }
  std::vector<int32_t> tokens(uint32_t chunk) const;
  // Position `scored` in [0, shape().scored()) of a chunk.
  void read_position(uint32_t chunk, uint32_t scored, PackedLogits& out) const;

 private:
  LogitsReader(MappedFile file, LogitsShape shape) : file_(std::move(file)), shape_(shape) {}
  MappedFile file_;
  LogitsShape shape_;
};

}  // namespace nibble
