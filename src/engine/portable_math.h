// exp and log whose bits do not depend on the machine: the C library picks variants by processor, and one
// differing bit may change which token is drawn. Basic IEEE operations only, accurate to about one unit in
// the last place.
#pragma once
#include <bit>
#include <cstdint>

namespace nibble {

// e^x for x <= 0 (what softmax needs); 0 below -700.
inline double portable_exp(double x) {
  if (!(x >= -700)) return 0;
  constexpr double kLog2E = 1.4426950408889634, kLn2High = 0.693147180369123816490,
                   kLn2Low = 1.90821492927058770002e-10;
  const double k =
      double(int64_t(x * kLog2E - 0.5));  // truncation after -0.5 rounds a negative number to nearest
  const double r = (x - k * kLn2High) - k * kLn2Low;  // |r| <= ln(2) / 2
  double sum = 1.0;                                   // Taylor series up to r^14 / 14!, by Horner's rule
  for (int n = 14; n >= 1; --n) sum = 1.0 + sum * r / n;
  return sum * std::bit_cast<double>(uint64_t(1023 + int64_t(k)) << 52);
}

// ln(x) for normal x > 0.
inline double portable_log(double x) {
  constexpr double kLn2 = 0.6931471805599453;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int64_t exponent = int64_t(bits >> 52) - 1023;
  double mantissa = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u);  // [1, 2)
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    ++exponent;
  }
  // ln(m) = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172
  const double s = (mantissa - 1) / (mantissa + 1), square = s * s;
  double sum = 0;
  for (int n = 23; n >= 1; n -= 2) sum = sum * square + 1.0 / n;
  return double(exponent) * kLn2 + 2 * s * sum;
}

}  // namespace nibble
