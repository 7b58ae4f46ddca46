// Blocks of 32 values: Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 IQ4_NL MXFP4. Without importance the codes are those that the
// field's reference encoders choose; with it the scale is searched.
#include "formats/quant_blocks.h"

#include <bit>
#include <cstring>

namespace nibble {

namespace {

constexpr int kValues = 32;

// Nibbles: value j in the low half of byte j, value j + 16 in the high half.
int nibble(const uint8_t* qs, int i) { return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4; }
void set_nibbles(uint8_t* qs, const int* codes) {
  for (int j = 0; j < 16; ++j) qs[j] = uint8_t((codes[j] & 15) | (codes[j + 16] & 15) << 4);
}

// Fifth bits: bit i of a little-endian word.
int fifth_bit(const uint8_t* qh, int i) { return (qh[i / 8] >> (i % 8) & 1) << 4; }
void set_fifth_bits(uint8_t* qh, const int* codes) {
  std::memset(qh, 0, 4);
  for (int i = 0; i < kValues; ++i) qh[i / 8] = uint8_t(qh[i / 8] | (codes[i] >> 4 & 1) << (i % 8));
}

// Towards zero, within [0, high]: the field's encoders add one half and cut.
int truncated_code(float value, int high) {
  if (!(value > 0)) return 0;
  return value >= float(high) ? high : int(value);
}

// Codes 0..2*half-1 for w = d*(q - half). The extreme value, whatever its sign, gets code 0. Returns d as
// stored.
uint16_t symmetric_codes(const float* values, const float* importance, int half, int* codes) {
  const auto nearest = [=](float v) { return float(to_code(v, -half, half - 1)); };
  const float exact = importance ? fit_scale(values, importance, kValues, float(-half), nearest)
                                 : extreme(values, kValues) / float(-half);
  const uint16_t d = to_half_scale(exact);
  const float inverse_scale = inverse(importance ? half_to_float(d) : exact);
  const float centre = float(half) + 0.5f;
  for (int i = 0; i < kValues; ++i)
    codes[i] = truncated_code(values[i] * inverse_scale + centre, 2 * half - 1);
  return d;
}

// Codes 0..max_code for w = d*q + m.
void offset_codes(const float* values, const float* importance, int max_code, int* codes, uint16_t& d,
                  uint16_t& m) {
  const auto [low, high] = std::minmax_element(values, values + kValues);
  // Halved before the subtraction: the range of finite values may be none.
  ScaleAndMin fit{(*high / 2 - *low / 2) / float(max_code) * 2, -*low};
  if (std::isfinite(*high - *low)) fit.scale = (*high - *low) / float(max_code);
  if (importance) fit = fit_scale_and_min(values, importance, kValues, max_code, false);
  d = to_half_scale(fit.scale);
  m = to_half_scale(-fit.min);
  const float inverse_scale = inverse(importance ? half_to_float(d) : fit.scale);
  const float offset = importance ? half_to_float(m) : *low;
  for (int i = 0; i < kValues; ++i)
    codes[i] = truncated_code((values[i] - offset) * inverse_scale + 0.5f, max_code);
}

constexpr int kGreatestE = 252;  // 12 * 2^124: all that finite values need, and finite itself

// 2^(e-128): half of the E8M0 scale, because the codebook is doubled.
float mxfp4_scale(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? uint32_t(0x200000) << e : uint32_t(e - 1) << 23);
}

double mxfp4_error(const float* values, const float* importance, uint8_t e) {
  const float d = mxfp4_scale(e), inverse_scale = 1.0f / d;
  double error = 0;
  for (int i = 0; i < kValues; ++i) {
    const double difference =
        double(values[i]) -
        double(kMXFP4Codebook[nearest_index(kMXFP4Codebook, values[i] * inverse_scale)]) * d;
    error += weight(importance, i) * difference * difference;
  }
  return error;
}

}  // namespace

void decode_block(const BlockQ4_0& block, float* values) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < kValues; ++i) values[i] = float(nibble(block.qs, i) - 8) * d;
}
void encode_block(const float* values, const float* importance, BlockQ4_0& block) {
  int codes[kValues];
  block.d = symmetric_codes(values, importance, 8, codes);
  set_nibbles(block.qs, codes);
}

void decode_block(const BlockQ4_1& block, float* values) {
  const float d = half_to_float(block.d), m = half_to_float(block.m);
  for (int i = 0; i < kValues; ++i) values[i] = float(nibble(block.qs, i)) * d + m;
}
void encode_block(const float* values, const float* importance, BlockQ4_1& block) {
  int codes[kValues];
  offset_codes(values, importance, 15, codes, block.d, block.m);
  set_nibbles(block.qs, codes);
}

void decode_block(const BlockQ5_0& block, float* values) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < kValues; ++i)
    values[i] = float((nibble(block.qs, i) | fifth_bit(block.qh, i)) - 16) * d;
}
void encode_block(const float* values, const float* importance, BlockQ5_0& block) {
  int codes[kValues];
  block.d = symmetric_codes(values, importance, 16, codes);
  set_nibbles(block.qs, codes);
  set_fifth_bits(block.qh, codes);
}

void decode_block(const BlockQ5_1& block, float* values) {
  const float d = half_to_float(block.d), m = half_to_float(block.m);
  for (int i = 0; i < kValues; ++i) values[i] = float(nibble(block.qs, i) | fifth_bit(block.qh, i)) * d + m;
}
void encode_block(const float* values, const float* importance, BlockQ5_1& block) {
  int codes[kValues];
  offset_codes(values, importance, 31, codes, block.d, block.m);
  set_nibbles(block.qs, codes);
  set_fifth_bits(block.qh, codes);
}

void decode_block(const BlockQ8_0& block, float* values) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < kValues; ++i) values[i] = float(block.qs[i]) * d;
}
void encode_block(const float* values, const float* importance, BlockQ8_0& block) {
  const auto nearest = [](float v) { return float(to_code(v, -127, 127)); };
  const float exact = importance ? fit_scale(values, importance, kValues, 127, nearest)
                                 : std::abs(extreme(values, kValues)) / 127.0f;
  block.d = to_half_scale(exact);
  const float inverse_scale = inverse(importance ? half_to_float(block.d) : exact);
  for (int i = 0; i < kValues; ++i) block.qs[i] = int8_t(to_code(values[i] * inverse_scale, -127, 127));
}

void decode_block(const BlockIQ4_NL& block, float* values) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < kValues; ++i) values[i] = d * float(kIQ4Codebook[nibble(block.qs, i)]);
}
void encode_block(const float* values, const float* importance, BlockIQ4_NL& block) {
  const auto nearest = [](float v) { return float(kIQ4Codebook[nearest_index(kIQ4Codebook, v)]); };
  block.d = to_half_scale(fit_scale(values, importance, kValues, float(kIQ4Codebook[0]), nearest));
  const float inverse_scale = inverse(half_to_float(block.d));
  int codes[kValues];
  for (int i = 0; i < kValues; ++i) codes[i] = nearest_index(kIQ4Codebook, values[i] * inverse_scale);
  set_nibbles(block.qs, codes);
}

void decode_block(const BlockMXFP4& block, float* values) {
  const float d = mxfp4_scale(block.e);
  for (int i = 0; i < kValues; ++i) values[i] = float(kMXFP4Codebook[nibble(block.qs, i)]) * d;
}
void encode_block(const float* values, const float* importance, BlockMXFP4& block) {
  const float greatest = std::abs(extreme(values, kValues));
  // The greatest power of two in E2M1 is 4.
  const int exponent = greatest > 0 ? std::ilogb(greatest) - 2 + 127 : 0;
  block.e = uint8_t(std::clamp(exponent, 0, kGreatestE));
  if (importance) {
    const uint8_t first = block.e;
    double best = mxfp4_error(values, importance, first);
    for (int e = std::max(first - 1, 0); e <= std::min(first + 1, kGreatestE); ++e) {
      const double error = mxfp4_error(values, importance, uint8_t(e));
      if (error < best) best = error, block.e = uint8_t(e);
    }
  }
  const float inverse_scale = 1.0f / mxfp4_scale(block.e);  // a power of two: exact
  int codes[kValues];
  for (int i = 0; i < kValues; ++i) codes[i] = nearest_index(kMXFP4Codebook, values[i] * inverse_scale);
  set_nibbles(block.qs, codes);
}

}  // namespace nibble
