// What the machine can do at most: streaming reads and peak multiply-adds. Benchmarks state results as fractions of these.
#pragma once
#include "kernels/isa/vocabulary.h"

namespace nibble {
namespace {

// From caches prefetching would only cost.
template <int STREAMS, bool PREFETCH>
NIBBLE_INLINE uint64_t read_streams(const uint8_t* bytes, size_t count) {
  constexpr size_t kAhead = STREAMS == 1 ? 4096 : 2048;
  const size_t part = count / STREAMS / 256 * 256;
  Isa::U8 acc[4];
  for (auto& a : acc) a = Isa::set_u8(0);
  for (size_t i = 0; i < part; i += 256)
    for (int s = 0; s < STREAMS; ++s)
      for (size_t line = 0; line < 4; ++line) {
        const uint8_t* p = bytes + size_t(s) * part + i + 64 * line;
        if constexpr (PREFETCH) __builtin_prefetch(p + kAhead, 0, 2);
        acc[line] = Isa::bit_or(acc[line], Isa::load_u8(p));
      }
  const Isa::U8 all = Isa::bit_or(Isa::bit_or(acc[0], acc[1]), Isa::bit_or(acc[2], acc[3]));
  return uint64_t(Isa::reduce_add(Isa::as_ints(all)));
}

uint64_t stream_read(const uint8_t* bytes, size_t count, int streams) {
  if (streams == 0) return read_streams<1, false>(bytes, count);
  return streams == 1 ? read_streams<1, true>(bytes, count) : read_streams<4, true>(bytes, count);
}

void stream_store(float* out, size_t count) {
  float value = 1;
  __asm__ volatile("" : "+m"(value));  // unknown: else the compiler calls its library's memset
  const Isa::F32 x = Isa::set_f(value);
#pragma GCC unroll 4
  for (size_t i = 0; i < count; i += 16) Isa::store_f(out + i, x);
}

#if defined(NIBBLE_ISA_TILES)
double peak_dot(int64_t iterations) {
  using Tiles = Isa::Tiles;
  alignas(64) uint8_t codes[1024], out[1024];
  for (auto& c : codes) c = 3;
  Tiles::configure(64);
  Tiles::load<Tiles::kA>(codes), Tiles::load<Tiles::kB>(codes);
  Tiles::zero<0>(), Tiles::zero<1>(), Tiles::zero<2>(), Tiles::zero<3>();
  for (int64_t i = 0; i < iterations; ++i) {
    Tiles::dot<true, 0, Tiles::kA, Tiles::kB>(), Tiles::dot<true, 1, Tiles::kA, Tiles::kB>();
    Tiles::dot<true, 2, Tiles::kA, Tiles::kB>(), Tiles::dot<true, 3, Tiles::kA, Tiles::kB>();
  }
  Tiles::store<0>(out);
  Tiles::release();
  volatile uint8_t sink = out[0];
  (void)sink;
  return double(iterations) * 4 * 16 * 16 * 64;
}
#else
double peak_dot(int64_t iterations) {
  Isa::I32 acc[Isa::kPeakAccumulators];
  for (auto& a : acc) a = Isa::set_i(0);
  uint32_t words[2] = {0x03030303, 0x05050505};
  __asm__ volatile("" : : "r"(words) : "memory");  // values the compiler cannot know
  const Isa::U8 w = Isa::broadcast4(words), x = Isa::broadcast4(words + 1);
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (int k = 0; k < Isa::kPeakAccumulators; ++k) acc[k] = Isa::dot_u7(acc[k], w, x);
  }
  Isa::I32 sum = acc[0];
  for (int i = 1; i < Isa::kPeakAccumulators; ++i) sum = Isa::add(sum, acc[i]);
  volatile int32_t sink = Isa::reduce_add(sum);
  (void)sink;
  return double(iterations) * Isa::kPeakAccumulators * 64;
}
#endif

double peak_fma(int64_t iterations) {
  Isa::F32 acc[Isa::kPeakAccumulators];
  for (auto& a : acc) a = Isa::set_f(0);
  float values[2] = {0.99f, 0.001f};
  __asm__ volatile("" : : "r"(values) : "memory");
  const Isa::F32 w = Isa::set_f(values[0]), x = Isa::set_f(values[1]);
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (int k = 0; k < Isa::kPeakAccumulators; ++k) acc[k] = Isa::fma(acc[k], w, x);
  }
  Isa::F32 sum = acc[0];
  for (int i = 1; i < Isa::kPeakAccumulators; ++i) sum = Isa::add(sum, acc[i]);
  volatile float sink = Isa::reduce_add(sum);
  (void)sink;
  return double(iterations) * Isa::kPeakAccumulators * 16;
}

}  // namespace
}  // namespace nibble
