#include "measure/ceilings.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace nibble {
namespace {

template <class Body>
double seconds_of(const Body& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Ceilings measure_ceilings(const KernelTable& table, ThreadPool& pool, int megabytes) {
  constexpr int kRepeats = 7;
  constexpr int64_t kIterations = 2'000'000;
  constexpr size_t kLargePage = 2 << 20;
  Ceilings best;
  const size_t bytes = size_t(std::max(megabytes, 1)) << 20;
  // Large pages: the ceiling should not depend on how the pages of this buffer happen to lie.
  const std::unique_ptr<void, void (*)(void*)> buffer(std::aligned_alloc(kLargePage, bytes + kLargePage), std::free);
  if (!buffer) throw std::bad_alloc();
  madvise(buffer.get(), bytes, MADV_HUGEPAGE);
  auto* const data = static_cast<uint8_t*>(buffer.get());
  std::memset(data, 0x5A, bytes);
  std::vector<double> work(size_t(pool.threads()));
  std::vector<uint64_t> sums(size_t(pool.threads()));
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    for (const int streams : {1, 4}) {
      const double read = seconds_of([&] {
        pool.run([&](int thread) {
          const WorkRange range = split_range(int64_t(bytes), 1 << 16, thread, pool.threads());
          sums[size_t(thread)] += table.stream_read(data + range.begin, size_t(range.end - range.begin), streams);
        });
      });
      best.read_gb_per_s = std::max(best.read_gb_per_s, double(bytes) / read / 1e9);
    }
    for (const bool integer : {true, false}) {
      const double time = seconds_of([&] {
        pool.run([&](int thread) { work[size_t(thread)] = (integer ? table.peak_dot : table.peak_fma)(kIterations); });
      });
      double total = 0;
      for (const double w : work) total += w;
      double& rate = integer ? best.int8_gmac_per_s : best.f32_gmac_per_s;
      rate = std::max(rate, total / time / 1e9);
    }
  }
  return best;
}

}  // namespace nibble
