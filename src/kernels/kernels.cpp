#include "kernels/kernels.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace nibble {

#define NIBBLE_ISA(name) extern const KernelTable kernel_table_##name;
#include "kernels/isa_list.inc"
#undef NIBBLE_ISA

namespace {

#if defined(__x86_64__)
struct X86Features {
  bool avx2 = false, avxvnni = false, avx512 = false, amx = false;
};

uint64_t read_xcr0() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

// Linux lends the tile registers to a process that asks; threads that start later, and those that run, have them then.
bool tiles_granted() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

// Source: Intel SDM volume 2, CPUID leaves 1 and 7; the operating system must save the wider registers (XCR0).
X86Features detect() {
  X86Features found;
  uint32_t a, b, c, d;
  if (!__get_cpuid_count(1, 0, &a, &b, &c, &d)) return found;
  const bool fma = c & bit_FMA, f16c = c & bit_F16C, osxsave = c & bit_OSXSAVE;
  if (!fma || !f16c || !osxsave) return found;
  const uint64_t saved = read_xcr0();
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  const uint32_t leaf7_ebx = b, leaf7_ecx = c, leaf7_edx = d;
  found.avx2 = (saved & 0x6) == 0x6 && (leaf7_ebx & bit_AVX2);
  const uint32_t wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  found.avx512 = found.avx2 && (saved & 0xE6) == 0xE6 && (leaf7_ebx & wanted) == wanted && (leaf7_ecx & bit_AVX512VNNI);
  constexpr uint32_t kTilesInt8 = 1u << 24 | 1u << 25;
  constexpr uint32_t kGfni = 1u << 8;
  constexpr uint64_t kTileState = 3u << 17;
  found.amx = found.avx512 && (leaf7_ecx & kGfni) && (leaf7_edx & kTilesInt8) == kTilesInt8 && (saved & kTileState) == kTileState && tiles_granted();
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) found.avxvnni = found.avx2 && (a & (1u << 4));
  return found;
}

bool can_run(const KernelTable& table) {
  static const X86Features features = detect();
  if (!std::strcmp(table.name, "scalar")) return true;
  if (!std::strcmp(table.name, "avx2")) return features.avx2;
  if (!std::strcmp(table.name, "avxvnni")) return features.avxvnni;
  if (!std::strcmp(table.name, "amx")) return features.amx;
  return features.avx512;  // "avx512" and "avx512vnni256"
}
#elif defined(__aarch64__)
bool can_run(const KernelTable& table) {
  constexpr unsigned long kDotProduct = 1ul << 20, kHalfArithmetic = 1ul << 10, kInt8Matmul = 1ul << 13;
  const unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
  if (!std::strcmp(table.name, "scalar")) return true;
  const bool dot = (cap & kDotProduct) && (cap & kHalfArithmetic);
  if (!std::strcmp(table.name, "neon_dot")) return dot;
  return dot && (cap2 & kInt8Matmul);
}
#else
bool can_run(const KernelTable& table) { return !std::strcmp(table.name, "scalar"); }
#endif

struct Selection {
  std::vector<const KernelTable*> available;
  const KernelTable* best = nullptr;
  std::string error;

  Selection() {
    const KernelTable* const all[] = {
#define NIBBLE_ISA(name) &kernel_table_##name,
#include "kernels/isa_list.inc"
#undef NIBBLE_ISA
    };
    std::string names;
    for (const KernelTable* table : all) {
      if (!can_run(*table)) continue;
      available.push_back(table);
      names += std::string(names.empty() ? "" : ", ") + table->name;
    }
    best = available.back();
    const char* forced = std::getenv("NIBBLE_FORCE_ISA");
    if (!forced || !*forced) return;
    for (const KernelTable* table : available)
      if (!std::strcmp(table->name, forced)) {
        best = table;
        return;
      }
    error = std::string("NIBBLE_FORCE_ISA=") + forced + ": this program on this CPU has " + names + "; using " + best->name;
  }
};

const Selection& selection() {
  static const Selection instance;
  return instance;
}

}  // namespace

const KernelTable& kernels() { return *selection().best; }

const char* kernel_selection_error() { return selection().error.empty() ? nullptr : selection().error.c_str(); }

KernelTables available_kernels() {
  const auto& tables = selection().available;
  return {tables.data(), tables.data() + tables.size()};
}

}  // namespace nibble
