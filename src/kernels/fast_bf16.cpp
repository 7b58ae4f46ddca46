#include "kernels/fast_bf16.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstring>
#endif

namespace nibble {

#if defined(__x86_64__)
void fast_bf16_matmul_avx512(const MatmulArgs& args);

namespace {
// Source: Intel SDM volume 2, CPUID leaf 7 subleaf 1, EAX bit 5. The wider registers it needs, saved by the operating system,
// are those of the table "avx512".
bool cpu_has_bf16() {
  uint32_t a, b, c, d;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & (1u << 5))) return false;
  for (const KernelTable* table : available_kernels())
    if (!std::strcmp(table->name, "avx512")) return true;
  return false;
}
}  // namespace

void (*fast_bf16_matmul())(const MatmulArgs&) {
  static const bool has = cpu_has_bf16();
  return has ? fast_bf16_matmul_avx512 : nullptr;
}
#else
void (*fast_bf16_matmul())(const MatmulArgs&) { return nullptr; }
#endif

}  // namespace nibble
