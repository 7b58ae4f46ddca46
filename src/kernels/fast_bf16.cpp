#include "kernels/fast_bf16.h"

#include <cstring>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace nibble {

size_t fast_bf16_scratch_bytes(int64_t length, int columns) {
  const int64_t padded = padded_column(length);
  constexpr int64_t kTileColumns = 32;
  const int64_t whole_tiles = (columns + kTileColumns - 1) / kTileColumns * kTileColumns;
  return size_t(whole_tiles) * (size_t(padded) * sizeof(uint16_t) + kBf16RowBlock * sizeof(float)) + 64;
}

#if defined(__x86_64__)
extern const FastBf16 fast_bf16_avx512, fast_bf16_amx;

namespace {
// Source: Intel SDM volume 2, CPUID leaf 7: subleaf 1 EAX bit 5, subleaf 0 EDX bit 22. That the operating system saves the
// registers is known from the table: nobody has "avx512" or "amx" without.
bool cpu_has_dot() {
  uint32_t a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5));
}
bool cpu_has_tiles() {
  uint32_t a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & (1u << 22));
}
}  // namespace

const FastBf16* fast_bf16(const KernelTable& table) {
  static const bool dot = cpu_has_dot(), tiles = dot && cpu_has_tiles();
  const bool amx = !std::strcmp(table.name, "amx");
  if (amx && tiles) return &fast_bf16_amx;
  return dot && (amx || !std::strcmp(table.name, "avx512")) ? &fast_bf16_avx512 : nullptr;
}
#else
const FastBf16* fast_bf16(const KernelTable&) { return nullptr; }
#endif

}  // namespace nibble
