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

// A sum in the order that vectors can follow: value i to lane i % 32, then the upper half of the lanes to the lower.
struct LaneSum {
  double lanes[32] = {};
  void add(uint64_t i, double value) { lanes[i % 32] += value; }
  double total() {
    for (int width = 16; width > 0; width /= 2)
      for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
    return lanes[0];
  }
};

// Codes 0, 1, 2 for -1, 0, +1; returns the scale, in which alone importance has a say.
float ternary_codes(const float* values, const float* importance, uint64_t count, uint8_t* codes) {
  LaneSum magnitudes;
  for (uint64_t i = count; i-- > 0;) magnitudes.add(i, std::abs(double(values[i])));  // from the end: so the kernels do
  const double threshold = magnitudes.total() / double(count) / 2;
  LaneSum weighted, weights;
  for (uint64_t i = 0; i < count; ++i) {
    const double magnitude = std::abs(double(values[i])), w = importance ? importance[i] : 1.0;
    codes[i] = magnitude <= threshold ? 1 : values[i] < 0 ? 0 : 2;
    if (codes[i] == 1) continue;
    weighted.add(i, w * magnitude);
    weights.add(i, w);
  }
  const double all_weights = weights.total();
  return all_weights > 0 ? float(weighted.total() / all_weights) : 0.0f;
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
