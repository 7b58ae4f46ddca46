// Whether two sets of samples differ by more than chance.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nibble {

// The mean of the two middle values where the count is even. At least one value.
double median(std::vector<double> values);

// Two-sided p value of the Mann-Whitney U test: how likely samples of one distribution would be to lie at
// least as far apart as these, by ranks. Exact, ties included, for up to kExactSamples samples together;
// beyond that the normal approximation with corrections for ties and continuity. 1 when one of the two is
// empty. Source: Mann and Whitney, Annals of Mathematical Statistics 18 (1947).
inline constexpr size_t kExactSamples = 64;
double mann_whitney_p(std::span<const double> a, std::span<const double> b);
// The least p value that so many samples can give: 2 / binomial(a + b, a).
double least_mann_whitney_p(size_t a, size_t b);

// p values of several tests as if there were one (Holm, Scandinavian Journal of Statistics 6, 1979): the
// chance of a false alarm anywhere stays below the level they are compared with.
std::vector<double> holm_adjusted(std::span<const double> p_values);

// Percentile bootstrap interval of median(b) / median(a); the same for the same samples and seed.
struct Interval {
  double low = 0, high = 0;
};
Interval ratio_interval(std::span<const double> a, std::span<const double> b, double confidence = 0.95,
                        uint64_t seed = 1);

}  // namespace nibble
