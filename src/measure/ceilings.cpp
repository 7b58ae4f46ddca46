#include "measure/ceilings.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>
#include <vector>

namespace nibble {
namespace {

constexpr size_t kLargePage = 2 << 20;
constexpr size_t kGrain = 64 << 10;    // of what a thread reads
constexpr size_t kCached = 256 << 10;  // of each thread: more than a first-level cache, less than a second

template <class Body>
double seconds_of(const Body& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

void Ceilings::keep_best(const Ceilings& other) {
  read_gb_per_s = std::max(read_gb_per_s, other.read_gb_per_s);
  cache_gb_per_s = std::max(cache_gb_per_s, other.cache_gb_per_s);
  store_gb_per_s = std::max(store_gb_per_s, other.store_gb_per_s);
  int8_gmac_per_s = std::max(int8_gmac_per_s, other.int8_gmac_per_s);
  f32_gmac_per_s = std::max(f32_gmac_per_s, other.f32_gmac_per_s);
  bf16_gmac_per_s = std::max(bf16_gmac_per_s, other.bf16_gmac_per_s);
}

CeilingMeter::CeilingMeter(const KernelTable& table, ThreadPool& pool, uint64_t bytes, const FastBf16* bf16)
    : table_(table),
      bf16_(bf16),
      pool_(pool),
      bytes_(size_t(std::min(bytes, kMostBytes) + kGrain - 1) / kGrain * kGrain),
      memory_(nullptr, std::free) {
  const size_t wanted =
      std::max(bytes_ + kLargePage, size_t(pool.threads()) * kCached + kLargePage) / kLargePage * kLargePage;
  memory_.reset(static_cast<uint8_t*>(std::aligned_alloc(kLargePage, wanted)));
  if (!memory_) throw std::bad_alloc();
  // Large pages: the ceiling should not depend on how the pages of this buffer happen to lie.
  madvise(memory_.get(), wanted, MADV_HUGEPAGE);
  std::memset(memory_.get(), 0x5A, wanted);
}

void CeilingMeter::measure_memory(Ceilings& best) {
  constexpr size_t kLeast = 128 << 20;  // read for one measurement
  std::vector<uint64_t> sums(size_t(pool_.threads()));
  for (const int streams : {1, 4}) {
    const size_t passes = std::max<size_t>(1, kLeast / bytes_);
    const double seconds = seconds_of([&] {
      pool_.run([&](int thread) {
        const WorkRange range = split_range(int64_t(bytes_), kGrain, thread, pool_.threads());
        for (size_t pass = 0; pass < passes; ++pass)
          sums[size_t(thread)] +=
              table_.stream_read(memory_.get() + range.begin, size_t(range.end - range.begin), streams);
      });
    });
    best.read_gb_per_s = std::max(best.read_gb_per_s, double(bytes_ * passes) / seconds / 1e9);
  }
}

void CeilingMeter::measure_cache(Ceilings& best) {
  constexpr int kPasses = 100;
  const double bytes = double(kPasses) * double(kCached) * pool_.threads();
  std::vector<uint64_t> sums(size_t(pool_.threads()));
  for (const KernelTable* table : available_kernels()) {  // narrow loads may be faster than wide ones here
    const double seconds = seconds_of([&] {
      pool_.run([&](int thread) {
        const uint8_t* const data = memory_.get() + size_t(thread) * kCached;
        for (int pass = 0; pass < kPasses; ++pass) sums[size_t(thread)] += table->stream_read(data, kCached, 0);
      });
    });
    best.cache_gb_per_s = std::max(best.cache_gb_per_s, bytes / seconds / 1e9);
  }
  const double seconds = seconds_of([&] {
    pool_.run([&](int thread) {
      for (int pass = 0; pass < kPasses; ++pass)
        std::memset(memory_.get() + size_t(thread) * kCached, 1 + pass % 100, kCached);
    });
  });
  best.store_gb_per_s = std::max(best.store_gb_per_s, bytes / seconds / 1e9);
}

// Multiply-adds per nanosecond. Instruction sets differ a hundredfold, so the number of iterations is found
// by trying.
double CeilingMeter::peak(double (*kernel)(int64_t), int64_t& iterations) {
  constexpr double kEnough = 0.002;
  std::vector<double> work(size_t(pool_.threads()));
  while (true) {
    const double seconds =
        seconds_of([&] { pool_.run([&](int thread) { work[size_t(thread)] = kernel(iterations); }); });
    if (seconds >= kEnough) return std::accumulate(work.begin(), work.end(), 0.0) / seconds / 1e9;
    iterations *= 2;
  }
}

void CeilingMeter::measure_arithmetic(Ceilings& best) {
  best.int8_gmac_per_s = std::max(best.int8_gmac_per_s, peak(table_.peak_dot, dot_iterations_));
  best.f32_gmac_per_s = std::max(best.f32_gmac_per_s, peak(table_.peak_fma, fma_iterations_));
  if (bf16_) best.bf16_gmac_per_s = std::max(best.bf16_gmac_per_s, peak(bf16_->peak, bf16_iterations_));
}

Ceilings CeilingMeter::measure(int repeats) {
  Ceilings best;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    if (bytes_ > 0) measure_memory(best);
    measure_cache(best);
    measure_arithmetic(best);
  }
  return best;
}

}  // namespace nibble
