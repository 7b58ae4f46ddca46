#include "formats/quant_blocks.h"

namespace nibble {

namespace {

// Weighted sums over the values x and their codes q.
struct Sums {
  double w = 0, x = 0, q = 0, xx = 0, xq = 0, qq = 0;
  double error(double scale, double offset) const {
    return xx + scale * scale * qq + offset * offset * w - 2 * scale * xq - 2 * offset * x +
           2 * scale * offset * q;
  }
};

Sums sums_of(const float* values, const float* importance, int count, int max_code, double inverse_scale,
             double low) {
  Sums s;
  for (int i = 0; i < count; ++i) {
    const double x = values[i], w = weight(importance, i);
    const double q = to_code(float(inverse_scale * (x - low)), 0, max_code);
    s.w += w;
    s.x += w * x;
    s.q += w * q;
    s.xx += w * x * x;
    s.xq += w * x * q;
    s.qq += w * q * q;
  }
  return s;
}

}  // namespace

ScaleAndMin fit_scale_and_min(const float* values, const float* importance, int count, int max_code,
                              bool positive_min) {
  const auto [least, greatest] = std::minmax_element(values, values + count);
  const double low = positive_min ? std::min(*least, 0.0f) : *least, range = double(*greatest) - low;
  if (!(range > 0)) return {0, float(-low)};
  double best_scale = range / max_code, best_offset = low, best_error = -1;
  for (int step = -8; step <= 8; ++step) {
    const double inverse_scale = (max_code + 0.1 * step) / range;
    const Sums s = sums_of(values, importance, count, max_code, inverse_scale, low);
    const double determinant = s.w * s.qq - s.q * s.q;
    if (!(determinant > 0)) continue;
    double scale = (s.w * s.xq - s.x * s.q) / determinant, offset = (s.qq * s.x - s.q * s.xq) / determinant;
    if (positive_min && offset > 0) {
      offset = 0;
      scale = s.xq / s.qq;
    }
    const double error = s.error(scale, offset);
    if (scale > 0 && (best_error < 0 || error < best_error)) {
      best_error = std::max(error, 0.0);
      best_scale = scale;
      best_offset = offset;
    }
  }
  return {float(best_scale), float(-best_offset)};
}

}  // namespace nibble
