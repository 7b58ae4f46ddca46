#include "transform/random_weights.h"

namespace nibble {

uint64_t random_stream(uint64_t seed, std::string_view name) {
  uint64_t hash = random_bits(seed, 0);
  for (const char c : name) hash = random_bits(hash, static_cast<unsigned char>(c));
  return hash;
}

void fill_normal(uint64_t key, uint64_t first, float mean, float deviation, std::span<float> out) {
  // Four 16-bit uniforms have the deviation sqrt((2^32 - 1) / 3) = 37837.2.
  const float unit = deviation / 37837.227f;
  for (uint64_t i = 0; i < out.size(); ++i) {
    const uint64_t bits = random_bits(key, first + i);
    const int32_t sum = int32_t(bits & 0xFFFF) + int32_t((bits >> 16) & 0xFFFF) +
                        int32_t((bits >> 32) & 0xFFFF) + int32_t(bits >> 48) - 2 * 65535;
    out[i] = mean + float(sum) * unit;
  }
}

void fill_ternary(uint64_t key, uint64_t first, float scale, std::span<float> out) {
  const float values[3] = {-scale, 0.0f, scale};
  for (uint64_t i = 0; i < out.size(); ++i) {
    const uint64_t bits = random_bits(key, first + i);
    out[i] = values[((bits >> 32) * 3) >> 32];
  }
}

}  // namespace nibble
