// IEEE half and bfloat16 to and from float, bit-exact, without hardware instructions. Always-inline so that
// ISA objects of kernels/ may include it (DESIGN: no inline function may be shared between ISA levels).
#pragma once
#include <bit>
#include <cstdint>

namespace nibble {

#define NIBBLE_ALWAYS_INLINE inline __attribute__((always_inline))

// Exact. NaN payloads are kept in the top bits, quieted as hardware does.
NIBBLE_ALWAYS_INLINE float half_to_float(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1Fu, mantissa = h & 0x3FFu;
  if (exponent == 31) {
    const uint32_t quiet = mantissa ? 0x400000u : 0u;
    return __builtin_bit_cast(float, sign | 0x7F800000u | quiet | (mantissa << 13));
  }
  if (exponent == 0) {
    const float magnitude = float(mantissa) * 0x1p-24f;
    return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, magnitude) | sign);
  }
  return __builtin_bit_cast(float, sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

// Round to nearest even; overflow gives infinity; NaN stays a quiet NaN.
NIBBLE_ALWAYS_INLINE uint16_t float_to_half(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint16_t sign = uint16_t((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return uint16_t(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
  if (magnitude >= 0x477FF000u) return uint16_t(sign | 0x7C00u);  // rounds to 65536 or more, and infinity
  if (magnitude < 0x38800000u) {                                  // subnormal result: exact scaling, then rint
    const float scaled = __builtin_bit_cast(float, magnitude) * 0x1p24f;
    // scaled < 1024 and adding 2^23 rounds it to an integer, ties to even.
    const float rounded = scaled + 0x1p23f;
    return uint16_t(sign | (__builtin_bit_cast(uint32_t, rounded) & 0x7FFu));
  }
  const uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
  return uint16_t(sign | ((rounded - 0x38000000u) >> 13));
}

NIBBLE_ALWAYS_INLINE float bfloat16_to_float(uint16_t b) { return __builtin_bit_cast(float, uint32_t(b) << 16); }

// Round to nearest even; NaN stays a quiet NaN.
NIBBLE_ALWAYS_INLINE uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return uint16_t((bits >> 16) | 0x40u);
  return uint16_t((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace nibble
