// Pseudo-random weights that are the same on every machine: value i of a stream is a function of (key, i)
// alone, made with integer arithmetic and exactly rounded float operations, so that any thread may fill any
// part.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace nibble {

// The key of a named stream: different for every seed and name.
uint64_t random_stream(uint64_t seed, std::string_view name);

// 64 random bits (the splitmix64 sequence, addressed by index).
inline uint64_t random_bits(uint64_t key, uint64_t index) {
  uint64_t z = key + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Nearly normal values (the sum of four uniform ones: at most 3.46 deviations from the mean), values first ..
// of the stream.
void fill_normal(uint64_t key, uint64_t first, float mean, float deviation, std::span<float> out);

// -scale, 0 and scale, a third each.
void fill_ternary(uint64_t key, uint64_t first, float scale, std::span<float> out);

}  // namespace nibble
