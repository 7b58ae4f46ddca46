// Superblocks of 256 values: Q2_K to Q6_K, Q8_K, IQ4_XS. Encoding: a fit for each sub-block, then the
// sub-blocks' scales themselves quantized against one f16 scale, then the codes once more against the scales
// as they are stored.
#include <array>
#include <cstring>

#include "formats/quant_blocks.h"

namespace nibble {

namespace {

constexpr int kSuperblock = 256;

// Code of x for w = scale*q - min.
int offset_code(float x, float scale, float min, int max_code) {
  return to_code((x + min) * inverse(scale), 0, max_code);
}

// Scales and mins of all sub-blocks as codes 0..max_scale_code of d and dmin.
template <int kSubBlocks>
struct OffsetScales {
  uint16_t d, dmin;
  std::array<int, kSubBlocks> scale, min;
  float scale_of(int b) const { return half_to_float(d) * float(scale[b]); }
  float min_of(int b) const { return half_to_float(dmin) * float(min[b]); }
};
template <int kSubBlocks>
OffsetScales<kSubBlocks> fit_offset_scales(const float* values, const float* importance, int max_code,
                                           int max_scale_code) {
  constexpr int kLength = kSuperblock / kSubBlocks;
  std::array<ScaleAndMin, kSubBlocks> fits;
  ScaleAndMin most;
  for (int b = 0; b < kSubBlocks; ++b) {
    fits[b] = fit_scale_and_min(values + b * kLength, at(importance, b * kLength), kLength, max_code, true);
    most.scale = std::max(most.scale, fits[b].scale);
    most.min = std::max(most.min, fits[b].min);
  }
  OffsetScales<kSubBlocks> out;
  out.d = to_half_scale(most.scale / float(max_scale_code));
  out.dmin = to_half_scale(most.min / float(max_scale_code));
  const float inverse_d = inverse(half_to_float(out.d)), inverse_dmin = inverse(half_to_float(out.dmin));
  for (int b = 0; b < kSubBlocks; ++b) {
    out.scale[b] = to_code(fits[b].scale * inverse_d, 0, max_scale_code);
    out.min[b] = to_code(fits[b].min * inverse_dmin, 0, max_scale_code);
  }
  return out;
}

// Signed scales of all sub-blocks as codes low_scale_code..-low_scale_code-1 of d.
template <int kSubBlocks>
struct SignedScales {
  uint16_t d;
  std::array<int, kSubBlocks> scale;
  float scale_of(int b) const { return half_to_float(d) * float(scale[b]); }
};
template <int kSubBlocks, class Nearest>
SignedScales<kSubBlocks> fit_signed_scales(const float* values, const float* importance, float anchor,
                                           Nearest nearest, int low_scale_code) {
  constexpr int kLength = kSuperblock / kSubBlocks;
  std::array<float, kSubBlocks> fits;
  for (int b = 0; b < kSubBlocks; ++b)
    fits[b] = fit_scale(values + b * kLength, at(importance, b * kLength), kLength, anchor, nearest);
  SignedScales<kSubBlocks> out;
  out.d = to_half_scale(extreme(fits.data(), kSubBlocks) / float(low_scale_code));
  const float inverse_d = inverse(half_to_float(out.d));
  for (int b = 0; b < kSubBlocks; ++b)
    out.scale[b] = to_code(fits[b] * inverse_d, low_scale_code, -low_scale_code - 1);
  return out;
}

// Q4_K and Q5_K: eight scales and eight mins of six bits in twelve bytes.
void unpack_six_bits(const uint8_t* packed, int b, int& scale, int& min) {
  if (b < 4) {
    scale = packed[b] & 63;
    min = packed[b + 4] & 63;
  } else {
    scale = (packed[b + 4] & 15) | (packed[b - 4] >> 6) << 4;
    min = (packed[b + 4] >> 4) | (packed[b] >> 6) << 4;
  }
}
void pack_six_bits(const std::array<int, 8>& scale, const std::array<int, 8>& min, uint8_t* packed) {
  for (int b = 0; b < 4; ++b) {
    packed[b] = uint8_t(scale[b] | (scale[b + 4] >> 4) << 6);
    packed[b + 4] = uint8_t(min[b] | (min[b + 4] >> 4) << 6);
    packed[b + 8] = uint8_t((scale[b + 4] & 15) | (min[b + 4] & 15) << 4);
  }
}

// Q2_K and Q3_K: value i has its two bits in this byte of qs, at this shift.
struct TwoBits {
  int byte, shift;
};
TwoBits two_bits(int i) { return {i / 128 * 32 + i % 32, i % 128 / 32 * 2}; }

// Q4_K and Q5_K: value i has its four bits in this byte of qs, at this shift.
TwoBits four_bits(int i) { return {i / 64 * 32 + i % 32, i % 64 / 32 * 4}; }

// Q6_K: value i has four bits in ql[low.byte] and two in qh[high.byte].
struct SixBits {
  TwoBits low, high;
};
SixBits six_bits(int i) {
  const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
  return {{half * 64 + quarter % 2 * 32 + l, quarter / 2 * 4}, {half * 32 + l, quarter * 2}};
}

int q3_scale(const uint8_t* scales, int b) {
  return (scales[b % 8] >> (b / 8 * 4) & 15) | (scales[8 + b % 4] >> (b / 4 * 2) & 3) << 4;
}

int iq4_xs_scale(const BlockIQ4_XS& block, int b) {
  return (block.scales_l[b / 2] >> (b % 2 * 4) & 15) | (block.scales_h >> (2 * b) & 3) << 4;
}

}  // namespace

void decode_block(const BlockQ2_K& block, float* values) {
  const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
  for (int i = 0; i < kSuperblock; ++i) {
    const uint8_t scale = block.scales[i / 16];
    const auto [byte, shift] = two_bits(i);
    values[i] = (d * float(scale & 15)) * float(block.qs[byte] >> shift & 3) - dmin * float(scale >> 4);
  }
}
void encode_block(const float* values, const float* importance, BlockQ2_K& block) {
  const auto scales = fit_offset_scales<16>(values, importance, 3, 15);
  block = {};
  block.d = scales.d;
  block.dmin = scales.dmin;
  for (int b = 0; b < 16; ++b) block.scales[b] = uint8_t(scales.scale[b] | scales.min[b] << 4);
  for (int i = 0; i < kSuperblock; ++i) {
    const auto [byte, shift] = two_bits(i);
    const int code = offset_code(values[i], scales.scale_of(i / 16), scales.min_of(i / 16), 3);
    block.qs[byte] = uint8_t(block.qs[byte] | code << shift);
  }
}

void decode_block(const BlockQ3_K& block, float* values) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < kSuperblock; ++i) {
    const auto [byte, shift] = two_bits(i);
    const int high = block.hmask[i % 32] >> (i / 32) & 1;
    const int code = (block.qs[byte] >> shift & 3) + 4 * high - 4;
    values[i] = (d * float(q3_scale(block.scales, i / 16) - 32)) * float(code);
  }
}
void encode_block(const float* values, const float* importance, BlockQ3_K& block) {
  const auto nearest = [](float v) { return float(to_code(v, -4, 3)); };
  const auto scales = fit_signed_scales<16>(values, importance, -4, nearest, -32);
  block = {};
  block.d = scales.d;
  for (int b = 0; b < 16; ++b) {
    const int code = scales.scale[b] + 32;
    block.scales[b % 8] = uint8_t(block.scales[b % 8] | (code & 15) << (b / 8 * 4));
    block.scales[8 + b % 4] = uint8_t(block.scales[8 + b % 4] | code >> 4 << (b / 4 * 2));
  }
  for (int i = 0; i < kSuperblock; ++i) {
    const auto [byte, shift] = two_bits(i);
    const int code = to_code(values[i] * inverse(scales.scale_of(i / 16)), -4, 3) + 4;
    block.qs[byte] = uint8_t(block.qs[byte] | (code & 3) << shift);
    block.hmask[i % 32] = uint8_t(block.hmask[i % 32] | code >> 2 << (i / 32));
  }
}

void decode_block(const BlockQ4_K& block, float* values) {
  const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
  for (int i = 0; i < kSuperblock; ++i) {
    int scale, min;
    unpack_six_bits(block.scales, i / 32, scale, min);
    const auto [byte, shift] = four_bits(i);
    values[i] = (d * float(scale)) * float(block.qs[byte] >> shift & 15) - dmin * float(min);
  }
}
void encode_block(const float* values, const float* importance, BlockQ4_K& block) {
  const auto scales = fit_offset_scales<8>(values, importance, 15, 63);
  block = {};
  block.d = scales.d;
  block.dmin = scales.dmin;
  pack_six_bits(scales.scale, scales.min, block.scales);
  for (int i = 0; i < kSuperblock; ++i) {
    const auto [byte, shift] = four_bits(i);
    const int code = offset_code(values[i], scales.scale_of(i / 32), scales.min_of(i / 32), 15);
    block.qs[byte] = uint8_t(block.qs[byte] | code << shift);
  }
}

void decode_block(const BlockQ5_K& block, float* values) {
  const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
  for (int i = 0; i < kSuperblock; ++i) {
    int scale, min;
    unpack_six_bits(block.scales, i / 32, scale, min);
    const auto [byte, shift] = four_bits(i);
    const int code = (block.qs[byte] >> shift & 15) + 16 * (block.qh[i % 32] >> (i / 32) & 1);
    values[i] = (d * float(scale)) * float(code) - dmin * float(min);
  }
}
void encode_block(const float* values, const float* importance, BlockQ5_K& block) {
  const auto scales = fit_offset_scales<8>(values, importance, 31, 63);
  block = {};
  block.d = scales.d;
  block.dmin = scales.dmin;
  pack_six_bits(scales.scale, scales.min, block.scales);
  for (int i = 0; i < kSuperblock; ++i) {
    const auto [byte, shift] = four_bits(i);
    const int code = offset_code(values[i], scales.scale_of(i / 32), scales.min_of(i / 32), 31);
    block.qs[byte] = uint8_t(block.qs[byte] | (code & 15) << shift);
    block.qh[i % 32] = uint8_t(block.qh[i % 32] | code >> 4 << (i / 32));
  }
}

void decode_block(const BlockQ6_K& block, float* values) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < kSuperblock; ++i) {
    const auto [low, high] = six_bits(i);
    const int code = (block.ql[low.byte] >> low.shift & 15) | (block.qh[high.byte] >> high.shift & 3) << 4;
    values[i] = (d * float(block.scales[i / 16])) * float(code - 32);
  }
}
void encode_block(const float* values, const float* importance, BlockQ6_K& block) {
  const auto nearest = [](float v) { return float(to_code(v, -32, 31)); };
  const auto scales = fit_signed_scales<16>(values, importance, -32, nearest, -128);
  block = {};
  block.d = scales.d;
  for (int b = 0; b < 16; ++b) block.scales[b] = int8_t(scales.scale[b]);
  for (int i = 0; i < kSuperblock; ++i) {
    const auto [low, high] = six_bits(i);
    const int code = to_code(values[i] * inverse(scales.scale_of(i / 16)), -32, 31) + 32;
    block.ql[low.byte] = uint8_t(block.ql[low.byte] | (code & 15) << low.shift);
    block.qh[high.byte] = uint8_t(block.qh[high.byte] | code >> 4 << high.shift);
  }
}

void decode_block(const BlockQ8_K& block, float* values) {
  for (int i = 0; i < kSuperblock; ++i) values[i] = block.d * float(block.qs[i]);
}
// For activations: the extreme value gets -127, so that codes stay symmetric. Importance has no say.
void encode_block(const float* values, const float*, BlockQ8_K& block) {
  block = {};
  const float inverse_scale = inverse(extreme(values, kSuperblock) / -127.0f);
  if (inverse_scale == 0) return;
  constexpr float kGreatest = 0x1.02p121f;  // times 127 it is finite
  block.d = std::clamp(1.0f / inverse_scale, -kGreatest, kGreatest);
  for (int i = 0; i < kSuperblock; ++i) {
    block.qs[i] = int8_t(to_code(values[i] * inverse_scale, -127, 127));
    block.bsums[i / 16] = int16_t(block.bsums[i / 16] + block.qs[i]);
  }
}

void decode_block(const BlockIQ4_XS& block, float* values) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < kSuperblock; ++i) {
    const int byte = i / 32 * 16 + i % 16, shift = i % 32 / 16 * 4;
    values[i] =
        (d * float(iq4_xs_scale(block, i / 32) - 32)) * float(kIQ4Codebook[block.qs[byte] >> shift & 15]);
  }
}
void encode_block(const float* values, const float* importance, BlockIQ4_XS& block) {
  const auto nearest = [](float v) { return float(kIQ4Codebook[nearest_index(kIQ4Codebook, v)]); };
  const auto scales = fit_signed_scales<8>(values, importance, float(kIQ4Codebook[0]), nearest, -32);
  block = {};
  block.d = scales.d;
  for (int b = 0; b < 8; ++b) {
    const int code = scales.scale[b] + 32;
    block.scales_l[b / 2] = uint8_t(block.scales_l[b / 2] | (code & 15) << (b % 2 * 4));
    block.scales_h = uint16_t(block.scales_h | code >> 4 << (2 * b));
  }
  for (int i = 0; i < kSuperblock; ++i) {
    const int byte = i / 32 * 16 + i % 16, shift = i % 32 / 16 * 4;
    const int code = nearest_index(kIQ4Codebook, values[i] * inverse(scales.scale_of(i / 32)));
    block.qs[byte] = uint8_t(block.qs[byte] | code << shift);
  }
}

}  // namespace nibble
