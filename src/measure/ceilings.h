// The machine's own limits, measured in the same run as the results that are compared with them.
#pragma once
#include <cstdint>
#include <memory>

#include "base/thread_pool.h"
#include "kernels/fast_bf16.h"
#include "kernels/kernels.h"

namespace nibble {

// All threads of the pool together.
struct Ceilings {
  double read_gb_per_s = 0;    // streaming read of the meter's bytes
  double cache_gb_per_s = 0;   // reading what lies in the second-level caches
  double store_gb_per_s = 0;   // overwriting what lies there
  double int8_gmac_per_s = 0;  // integer dot of the table's ISA
  double f32_gmac_per_s = 0;   // fma of the table's ISA
  double bf16_gmac_per_s = 0;  // of the unit of --fast-bf16; 0: not in use
  void keep_best(const Ceilings& other);
};

// Holds the memory that is read, so that measuring again is cheap.
class CeilingMeter {
 public:
  // `bytes` of memory are read again and again, at most kMostBytes, which is more than caches hold: small
  // models stay in them, and so does what they are compared with. 0: memory is not measured.
  static constexpr uint64_t kMostBytes = 512u << 20;
  CeilingMeter(const KernelTable& table, ThreadPool& pool, uint64_t bytes = kMostBytes, const FastBf16* bf16 = nullptr);
  // The best of `repeats`, some 30 ms each.
  Ceilings measure(int repeats);

 private:
  void measure_memory(Ceilings& best);
  void measure_cache(Ceilings& best);
  void measure_arithmetic(Ceilings& best);
  double peak(double (*kernel)(int64_t iterations), int64_t& iterations);
  const KernelTable& table_;
  const FastBf16* bf16_;
  ThreadPool& pool_;
  size_t bytes_;
  int64_t dot_iterations_ = 10'000, fma_iterations_ = 10'000, bf16_iterations_ = 10'000;  // grow until they take long enough
  std::unique_ptr<uint8_t, void (*)(void*)> memory_;
};

}  // namespace nibble
