#include "model/rope.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace nibble {
namespace detail {
namespace {

// 1/0!, 1/1!, ...: each the nearest double of an exact quotient.
constexpr auto kInverseFactorials = [] {
  std::array<double, 20> values{};
  double factorial = 1;  // exact up to 18!, then within an ulp
  for (int i = 0; i < int(values.size()); ++i) {
    if (i > 0) factorial *= i;
    values[size_t(i)] = 1 / factorial;
  }
  return values;
}();

constexpr double kLn2High = 0x1.62e42feep-1,
                 kLn2Low = 0x1.a39ef35793c76p-33;  // kLn2High * n is exact for |n| < 2^20

}  // namespace

double deterministic_log(double x) {
  int exponent;
  double mantissa = std::frexp(x, &exponent);  // [0.5, 1)
  if (mantissa < std::numbers::sqrt2 / 2) mantissa *= 2, --exponent;
  // log m = 2 atanh(s), |s| < 0.172
  const double s = (mantissa - 1) / (mantissa + 1), square = s * s;
  double series = 0;
  for (int n = 23; n >= 1; n -= 2) series = series * square + 1.0 / n;
  return exponent * kLn2High + (2 * s * series + exponent * kLn2Low);
}

double deterministic_exp(double x) {
  const double n = std::floor(x * (1 / std::numbers::ln2) + 0.5);
  const double r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= ln(2) / 2
  double series = 0;
  for (int i = 14; i >= 0; --i) series = series * r + kInverseFactorials[size_t(i)];
  return std::ldexp(series, int(n));
}

SinCos sin_cos_turns(uint64_t phase) {
  const uint64_t quadrant = (phase + (uint64_t{1} << 61)) >> 62;  // nearest quarter turn
  const double x = double(int64_t(phase - (quadrant << 62))) * (std::numbers::pi * 0x1p-63);  // |x| <= pi / 4
  const double square = x * x;
  double sine = 0, cosine = 0;
  for (int i = 17; i >= 1; i -= 2) sine = kInverseFactorials[size_t(i)] - sine * square;
  for (int i = 18; i >= 0; i -= 2) cosine = kInverseFactorials[size_t(i)] - cosine * square;
  sine *= x;
  switch (quadrant & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace detail

namespace {

// The dimension that makes `rotations` turns within the original context (YaRN, section 3.2).
double yarn_dimension(const RopeScaling& scaling, double base, int rotated_dim, double rotations) {
  return rotated_dim *
         detail::deterministic_log(double(scaling.original_context) / (rotations * 2 * std::numbers::pi)) /
         (2 * detail::deterministic_log(base));
}

double yarn_magnitude(double factor, double multiplier) {
  return factor <= 1 ? 1 : 0.1 * multiplier * detail::deterministic_log(factor) + 1;
}

}  // namespace

Rope::Rope(double base, int rotated_dim, const RopeScaling& scaling, std::span<const float> factors) {
  const bool scaled = scaling.kind != RopeScaling::Kind::kNone;
  const double interpolation = scaled ? 1 / scaling.factor : 1;
  const bool yarn = scaling.kind == RopeScaling::Kind::kYarn && scaling.extrapolation != 0;
  double low = 0, high = 0;
  magnitude_ = scaling.attn_factor;
  if (yarn) {
    low = std::max(0.0, std::floor(yarn_dimension(scaling, base, rotated_dim, scaling.beta_fast)));
    high =
        std::min(rotated_dim - 1.0, std::ceil(yarn_dimension(scaling, base, rotated_dim, scaling.beta_slow)));
    magnitude_ *= yarn_magnitude(scaling.factor, 1);
    if (scaling.log_multiplier != 0) magnitude_ /= yarn_magnitude(scaling.factor, scaling.log_multiplier);
  }
  const double log_base = detail::deterministic_log(base);
  for (int i = 0; i < rotated_dim / 2; ++i) {
    double frequency = detail::deterministic_exp(-2.0 * i / rotated_dim * log_base);
    if (!factors.empty()) frequency /= double(factors[size_t(i)]);
    double mix = 0;  // 1: extrapolate (fast dimensions), 0: interpolate
    if (yarn)
      mix = (1 - std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0)) * scaling.extrapolation;
    frequency *= interpolation * (1 - mix) + mix;
    const double turns = frequency / (2 * std::numbers::pi);
    steps_.push_back(uint64_t((turns - std::floor(turns)) * 0x1p64));  // whole turns change nothing
  }
}

void Rope::fill(int64_t position, float* cos, float* sin) const {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const detail::SinCos value = detail::sin_cos_turns(uint64_t(position) * steps_[i]);
    cos[i] = float(value.cos * magnitude_);
    sin[i] = float(value.sin * magnitude_);
  }
}

}  // namespace nibble
