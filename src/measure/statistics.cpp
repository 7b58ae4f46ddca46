#include "measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace nibble {
namespace {

// Twice the midrank of each value among both sets, `a` first: whole numbers also where values tie.
std::vector<size_t> doubled_ranks(std::span<const double> a, std::span<const double> b) {
  std::vector<double> values(a.begin(), a.end());
  values.insert(values.end(), b.begin(), b.end());
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return values[i] < values[j]; });
  std::vector<size_t> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = begin + end + 1;
    begin = end;
  }
  return ranks;
}

// The share of all ways to choose `count` of the ranks whose sum lies at least as far from the mean as `sum`
// does.
double exact_p(const std::vector<size_t>& ranks, size_t count, size_t sum) {
  const size_t total = std::accumulate(ranks.begin(), ranks.end(), size_t(0));
  // ways[k][s]: subsets of k ranks so far with sum s. Counts stay below 2^64, exact enough as doubles.
  std::vector<std::vector<double>> ways(count + 1, std::vector<double>(total + 1));
  ways[0][0] = 1;
  size_t reached = 0, taken = 0;
  for (const size_t rank : ranks) {
    reached += rank;
    taken = std::min(taken + 1, count);
    for (size_t k = taken; k > 0; --k)
      for (size_t s = reached; s >= rank; --s) ways[k][s] += ways[k - 1][s - rank];
  }
  // Compared in multiples of 1 / (number of ranks), which are whole: sum * n against count * total.
  const size_t n = ranks.size();
  const auto distance = [&](size_t s) {
    return s * n > count * total ? s * n - count * total : count * total - s * n;
  };
  double far = 0, all = 0;
  for (size_t s = 0; s <= total; ++s) {
    all += ways[count][s];
    if (distance(s) >= distance(sum)) far += ways[count][s];
  }
  return far / all;
}

double normal_p(const std::vector<size_t>& ranks, size_t count, size_t sum) {
  const double n = double(ranks.size()), a = double(count), b = n - a;
  std::vector<size_t> sorted = ranks;
  std::sort(sorted.begin(), sorted.end());
  double ties = 0;
  for (size_t begin = 0; begin < sorted.size();) {
    const size_t end = size_t(std::upper_bound(sorted.begin(), sorted.end(), sorted[begin]) - sorted.begin());
    const double tied = double(end - begin);
    ties += tied * tied * tied - tied;
    begin = end;
  }
  const double u = double(sum) / 2 - a * (a + 1) / 2;
  const double variance = a * b / 12 * (n + 1 - ties / (n * (n - 1)));
  if (variance <= 0) return 1;  // all values are the same
  const double z = std::max(0.0, std::fabs(u - a * b / 2) - 0.5) / std::sqrt(variance);
  return std::min(1.0, std::erfc(z / std::sqrt(2.0)));
}

}  // namespace

double median(std::vector<double> values) {
  const size_t middle = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + ptrdiff_t(middle), values.end());
  if (values.size() % 2) return values[middle];
  return (values[middle] + *std::max_element(values.begin(), values.begin() + ptrdiff_t(middle))) / 2;
}

double mann_whitney_p(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return 1;
  const std::vector<size_t> ranks = doubled_ranks(a, b);
  const size_t sum = std::accumulate(ranks.begin(), ranks.begin() + ptrdiff_t(a.size()), size_t(0));
  return ranks.size() <= kExactSamples ? exact_p(ranks, a.size(), sum) : normal_p(ranks, a.size(), sum);
}

double least_mann_whitney_p(size_t a, size_t b) {
  if (a == 0 || b == 0) return 1;
  double p = 2;
  for (size_t i = 1; i <= a; ++i) p *= double(i) / double(b + i);
  return std::min(1.0, p);
}

std::vector<double> holm_adjusted(std::span<const double> p_values) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return p_values[i] < p_values[j]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, p_values[order[i]] * double(order.size() - i)));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

Interval ratio_interval(std::span<const double> a, std::span<const double> b, double confidence,
                        uint64_t seed) {
  constexpr size_t kDraws = 1000;
  std::mt19937_64 random(seed);
  const auto resampled_median = [&](std::span<const double> values) {
    std::vector<double> drawn(values.size());
    for (double& value : drawn) value = values[random() % values.size()];
    return median(std::move(drawn));
  };
  std::vector<double> ratios(kDraws);
  for (double& ratio : ratios) {
    const double denominator = resampled_median(a);
    ratio = resampled_median(b) / denominator;
  }
  std::sort(ratios.begin(), ratios.end());
  const auto at = [&](double share) { return ratios[size_t(share * double(kDraws - 1))]; };
  return {at((1 - confidence) / 2), at((1 + confidence) / 2)};
}

}  // namespace nibble
