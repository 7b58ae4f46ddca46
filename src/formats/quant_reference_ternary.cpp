// Ternary formats: TQ1_0, TQ2_0 and BitNet's I2_S. Codes by the absmean rule round(x / mean|x|), the scale by
// least squares: weights that are already -s, 0, +s come back exactly (TQ: as far as f16 holds s).
#include <cstring>
#include <vector>

#include "formats/quant_blocks.h"

namespace nibble {

namespace {

constexpr int kSuperblock = 256;
constexpr uint8_t kPowersOf3[5] = {1, 3, 9, 27, 81};

// Digit n of a byte that holds five base-3 digits scaled to 256, most significant first: 0, 1 or 2.
int trit(uint8_t byte, int n) {
  const auto shifted = uint8_t(byte * kPowersOf3[n]);
  return (shifted * 3) >> 8;
}
// Five trits into such a byte: their number, scaled from 243 to 256 and rounded up so that trit() gets them
// back.
uint8_t pack_trits(const int (&trits)[5]) {
  int number = 0;
  for (const int t : trits) number = number * 3 + t;
  return uint8_t((number * 256 + 242) / 243);
}

// Sums in the order that vectors can follow: of 128 values, those at a distance of 32 meet in one of 32
// lanes, first as floats, fractions that cannot overflow; then the lanes are doubles, and in the end their
// upper half is added to the lower until one is left.
constexpr uint64_t kLanes = 32, kGroup = 128;
double total_of(double (&lanes)[kLanes]) {
  for (uint64_t width = kLanes / 2; width > 0; width /= 2)
    for (uint64_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}

double mean_magnitude(const float* values, uint64_t count) {
  double lanes[kLanes] = {};
  for (uint64_t group = count; group > 0; group -= kGroup)  // from the end, so the kernels do
    for (uint64_t lane = 0; lane < kLanes; ++lane) {
      float quarter = 0;
      for (uint64_t i = 0; i < kGroup; i += kLanes)
        quarter = std::fma(std::abs(values[group - kGroup + lane + i]), 0.25f, quarter);
      lanes[lane] += quarter;
    }
  return total_of(lanes) * 4 / double(count);
}

// Mean magnitude of the values that are kept (code not 1). Pairs of equal magnitudes have an exact half sum
// (unless it is subnormal).
float kept_mean(const float* values, const uint8_t* codes, uint64_t count) {
  double lanes[kLanes] = {};
  uint64_t kept = 0;
  for (uint64_t pair = 0; pair < count; pair += 2 * kLanes)
    for (uint64_t lane = pair; lane < pair + kLanes; ++lane) {
      float half = 0;
      for (const uint64_t i : {lane, lane + kLanes})
        if (codes[i] != 1) half = std::fma(std::abs(values[i]), 0.5f, half), ++kept;
      lanes[lane - pair] += half;
    }
  return kept > 0 ? float(total_of(lanes) * 2 / double(kept)) : 0.0f;
}
float weighted_mean(const float* values, const float* importance, const uint8_t* codes, uint64_t count) {
  double weighted = 0, weights = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (codes[i] == 1) continue;
    weighted += double(importance[i]) * std::abs(double(values[i]));
    weights += importance[i];
  }
  return weights > 0 ? float(weighted / weights) : 0.0f;
}

// Codes 0, 1, 2 for -1, 0, +1 of a multiple of 128 values; returns the scale, in which alone importance has a
// say.
float ternary_codes(const float* values, const float* importance, uint64_t count, uint8_t* codes) {
  const double threshold = mean_magnitude(values, count) / 2;
  for (uint64_t i = 0; i < count; ++i)
    codes[i] = std::abs(double(values[i])) <= threshold ? 1 : values[i] < 0 ? 0 : 2;
  return importance ? weighted_mean(values, importance, codes, count) : kept_mean(values, codes, count);
}

// Values in the order in which TQ1_0's bytes hold them: use(value, byte, trit).
template <class Use>
void for_each_trit(Use use) {
  int i = 0;
  for (int n = 0; n < 5; ++n)
    for (int m = 0; m < 32; ++m) use(i++, m, n);
  for (int n = 0; n < 5; ++n)
    for (int m = 32; m < 48; ++m) use(i++, m, n);
  for (int n = 0; n < 4; ++n)
    for (int m = 48; m < 52; ++m) use(i++, m, n);
}

}  // namespace

void decode_block(const BlockTQ1_0& block, float* values) {
  const float d = half_to_float(block.d);
  for_each_trit([&](int i, int m, int n) {
    values[i] = float(trit(m < 48 ? block.qs[m] : block.qh[m - 48], n) - 1) * d;
  });
}
void encode_block(const float* values, const float* importance, BlockTQ1_0& block) {
  uint8_t codes[kSuperblock];
  block.d = to_half_scale(ternary_codes(values, importance, kSuperblock, codes));
  int trits[52][5] = {};
  for_each_trit([&](int i, int m, int n) { trits[m][n] = codes[i]; });
  for (int m = 0; m < 48; ++m) block.qs[m] = pack_trits(trits[m]);
  for (int m = 48; m < 52; ++m) block.qh[m - 48] = pack_trits(trits[m]);
}

void decode_block(const BlockTQ2_0& block, float* values) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < kSuperblock; ++i) {
    const int byte = i / 128 * 32 + i % 32, shift = i % 128 / 32 * 2;
    values[i] = float((block.qs[byte] >> shift & 3) - 1) * d;
  }
}
void encode_block(const float* values, const float* importance, BlockTQ2_0& block) {
  uint8_t codes[kSuperblock];
  block.d = to_half_scale(ternary_codes(values, importance, kSuperblock, codes));
  std::memset(block.qs, 0, sizeof block.qs);
  for (int i = 0; i < kSuperblock; ++i) {
    const int byte = i / 128 * 32 + i % 32, shift = i % 128 / 32 * 2;
    block.qs[byte] = uint8_t(block.qs[byte] | codes[i] << shift);
  }
}

void decode_i2_s(const std::byte* in, float* out, uint64_t values) {
  float scale;
  std::memcpy(&scale, in + values / 4, sizeof scale);
  // Code 3 is written by no tool; it reads as 0.
  const float meaning[4] = {-scale, 0.0f, scale, 0.0f};
  for (uint64_t i = 0; i < values; ++i) {
    const uint64_t byte = i / 128 * 32 + i % 32;
    const auto shift = unsigned(6 - i % 128 / 32 * 2);
    out[i] = meaning[std::to_integer<unsigned>(in[byte] >> shift) & 3];
  }
}
void encode_i2_s(const float* values, const float* importance, std::byte* out, uint64_t count) {
  std::vector<uint8_t> codes(count);
  const float scale = ternary_codes(values, importance, count, codes.data());
  std::memset(out, 0, count / 4 + 32);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t byte = i / 128 * 32 + i % 32;
    const auto shift = unsigned(6 - i % 128 / 32 * 2);
    out[byte] |= std::byte(codes[i] << shift);
  }
  std::memcpy(out + count / 4, &scale, sizeof scale);
}

}  // namespace nibble
