// Rotary position embedding: cos and sin of position * frequency, for each rotated pair of dimensions.
// Computed in double from exact phases with own polynomials: the same bits on every machine (libm picks
// variants by CPU). Sources: RoFormer (arXiv:2104.09864), YaRN (arXiv:2309.00071), LongRoPE
// (arXiv:2402.13753).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "model/model_config.h"

namespace nibble {

class Rope {
 public:
  // factors: (rotated_dim / 2) divisors of the frequencies, or empty.
  Rope(double base, int rotated_dim, const RopeScaling& scaling, std::span<const float> factors);
  Rope() = default;
  int pairs() const { return int(steps_.size()); }
  // cos and sin: (pairs) each. Any position from 0 on.
  void fill(int64_t position, float* cos, float* sin) const;

 private:
  std::vector<uint64_t> steps_;  // turns per position, as a fraction of 2^64: phases wrap exactly
  double magnitude_ = 1;
};

namespace detail {
// Deterministic double-precision functions, accurate to a few ulp; log and exp for positive and moderate
// arguments.
double deterministic_log(double x);
double deterministic_exp(double x);
// sin and cos of 2 pi * phase / 2^64.
struct SinCos {
  double sin, cos;
};
SinCos sin_cos_turns(uint64_t phase);
}  // namespace detail

}  // namespace nibble
