// Blocks of every format into floats, halves or bfloat16: bit-equal to the scalar reference (formats/quant_reference*.cpp), each product
// rounded in the order of docs/formats.md, nothing fused. Two ways, by what the ISA has:
// - where sixteen floats can be looked up in one instruction, codes of up to four bits never become numbers: the table of a
//   sub-block's sixteen values is computed once and the packed codes pick from it (two bits: four values, on every ISA);
// - else codes come as bytes from codes.inl.h and are widened, converted and multiplied.
// Scales of sixteen blocks are converted together.
#pragma once
#include "kernels/algo/codes.inl.h"
#include "kernels/kernels.h"

namespace nibble {
namespace {

struct ToF32 {
  using Type = float;
  static NIBBLE_INLINE void store(float* p, Isa::F32 x) { Isa::store_f(p, x); }
};
struct ToF16 {
  using Type = uint16_t;
  static NIBBLE_INLINE void store(uint16_t* p, Isa::F32 x) { Isa::store_half(p, x); }
};
struct ToBF16 {
  using Type = uint16_t;
  static NIBBLE_INLINE void store(uint16_t* p, Isa::F32 x) { Isa::store_bf16(p, x); }
};

constexpr int kScaleBatch = 16;

template <class C, bool kHasMin = C::kHasMin>
struct BlockScales {
  alignas(64) float d[kScaleBatch], m[kScaleBatch];
  NIBBLE_INLINE void load(const typename C::Block* blocks, int n) {
    alignas(64) uint16_t bits[kScaleBatch] = {}, min_bits[kScaleBatch] = {};
    for (int i = 0; i < n; ++i) bits[i] = C::scale_bits(blocks + i);
    Isa::store_f(d, C::load_scales(bits));
    if constexpr (kHasMin) {
      for (int i = 0; i < n; ++i) min_bits[i] = C::min_bits(blocks + i);
      Isa::store_f(m, C::load_scales(min_bits));
    }
  }
};

// The values of the sixteen codes of a format of up to four bits, before scaling.
struct Values16 {
  float of[16] = {};
};
constexpr Values16 values_of(FormatId format) {
  Values16 values;
  for (int q = 0; q < 16; ++q)
    values.of[q] = format == FormatId::kIQ4_NL || format == FormatId::kIQ4_XS ? float(kIQ4Codebook[q])
                   : format == FormatId::kMXFP4                              ? float(kMXFP4Codebook[q])
                   : format == FormatId::kQ4_0                               ? float(q - 8)
                                                                             : float(q);
  return values;
}
template <FormatId ID>
NIBBLE_INLINE Isa::F32 code_values() {
  alignas(64) static constexpr Values16 kValues = values_of(ID);
  return Isa::load_f(kValues.of);
}
// Four values, in every group of four lanes.
NIBBLE_INLINE Isa::F32 four_values(float a, float b, float c, float d) {
  const float values[16] = {a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d};
  return Isa::load_f(values);
}
NIBBLE_INLINE Isa::I32 packed_lanes(const uint8_t* bytes) { return Isa::load_i8(reinterpret_cast<const int8_t*>(bytes)); }

// A template, so that ISAs without the instruction need not name it.
template <class V>
NIBBLE_INLINE typename V::F32 pick16(typename V::F32 table, typename V::I32 index) {
  return V::lookup16(table, index);
}

// 64 codes of codes.inl.h as signed bytes, zero subtracted.
template <int kZero>
NIBBLE_INLINE void store_codes(int8_t* out, Isa::U8 codes) {
  if constexpr (kZero != 0) codes = Isa::sub_u8(codes, Isa::set_u8(kZero));
  Isa::store_u8(out, codes);
}

// w = q * d, or q * d + m.
template <class C>
NIBBLE_INLINE Isa::F32 scaled(Isa::F32 q, float d, float m) {
  const Isa::F32 product = Isa::mul(q, Isa::set_f(d));
  if constexpr (C::kHasMin) return Isa::add(product, Isa::set_f(m));
  return product;
}

template <FormatId ID>
constexpr bool kFourBits = ID == FormatId::kQ4_0 || ID == FormatId::kQ4_1 || ID == FormatId::kIQ4_NL || ID == FormatId::kMXFP4;

template <FormatId ID, class To>
NIBBLE_INLINE void decode_32s(const typename Codes<ID>::Block* b, int n, typename To::Type* out) {
  using C = Codes<ID>;
  BlockScales<C> scales;
  scales.load(b, n);
  if constexpr (kFourBits<ID> && Isa::kHasLookup16) {
    for (int i = 0; i < n; ++i, out += 32) {
      const Isa::F32 table = scaled<C>(code_values<ID>(), scales.d[i], scales.m[i]);
      const Isa::I32 packed = packed_lanes(b[i].qs);
      To::store(out, pick16<Isa>(table, packed));
      To::store(out + 16, pick16<Isa>(table, Isa::shift_right<4>(packed)));
    }
  } else if constexpr (ID == FormatId::kQ8_0) {
    for (int i = 0; i < n; ++i, out += 32)
      for (int j = 0; j < 32; j += 16)
        To::store(out + j, Isa::mul(Isa::to_float(Isa::load_i8(b[i].qs + j)), Isa::set_f(scales.d[i])));
  } else {
    for (int i = 0; i < n; i += 2, out += 64) {
      const int values = i + 1 < n ? 64 : 32;
      alignas(64) int8_t codes[64];
      store_codes<C::kZero>(codes, C::codes(b + i, b + (values == 64 ? i + 1 : i)));
      for (int j = 0; j < values; j += 16)
        To::store(out + j, scaled<C>(Isa::to_float(Isa::load_i8(codes + j)), scales.d[i + j / 32], scales.m[i + j / 32]));
    }
  }
}

template <FormatId ID, class To>
void decode_small(const uint8_t* in, int64_t blocks, float, void* out) {
  using Block = typename Codes<ID>::Block;
  auto* target = static_cast<typename To::Type*>(out);
  const auto* b = reinterpret_cast<const Block*>(in);
  for (; blocks >= kScaleBatch; blocks -= kScaleBatch, b += kScaleBatch, target += 32 * kScaleBatch)
    decode_32s<ID, To>(b, kScaleBatch, target);
  if (blocks > 0) decode_32s<ID, To>(b, int(blocks), target);
}

// Superblocks: d * sub-scale and dmin * sub-minimum of all sub-blocks.
template <class C>
struct SubScales {
  alignas(64) float d[16], m[16];
  NIBBLE_INLINE SubScales(const typename C::Block* b, float block_d, float block_m) {
    alignas(16) uint8_t mins[16] = {};
    Isa::store_f(d, Isa::mul(Isa::set_f(block_d), Isa::to_float(C::sub_scales(b, mins))));
    if constexpr (C::kHasMin)
      Isa::store_f(m, Isa::mul(Isa::set_f(block_m), Isa::to_float(Isa::load_i8(reinterpret_cast<const int8_t*>(mins)))));
  }
  // Of sixteen values: w = d*sc*q - dmin*m.
  NIBBLE_INLINE Isa::F32 scaled(Isa::F32 q, int sub) const {
    const Isa::F32 product = Isa::mul(q, Isa::set_f(d[sub]));
    if constexpr (C::kHasMin) return Isa::sub(product, Isa::set_f(m[sub]));
    return product;
  }
};

// Two bits of 32 bytes: 128 values, of which tables give group i of 16.
template <class To, class Table>
NIBBLE_INLINE void pick_two_bits(const uint8_t* qs, typename To::Type* out, const Table& table) {
  for (int half = 0; half < 2; ++half) {
    const Isa::I32 packed = packed_lanes(qs + 16 * half);
    auto* const target = out + 16 * half;
    To::store(target, Isa::lookup4(table(half), packed));
    To::store(target + 32, Isa::lookup4(table(2 + half), Isa::shift_right<2>(packed)));
    To::store(target + 64, Isa::lookup4(table(4 + half), Isa::shift_right<4>(packed)));
    To::store(target + 96, Isa::lookup4(table(6 + half), Isa::shift_right<6>(packed)));
  }
}

template <FormatId ID, int STEP, class To>
NIBBLE_INLINE void decode_step(const typename Codes<ID>::Block* b, const SubScales<Codes<ID>>& scales, typename To::Type* out) {
  using C = Codes<ID>;
  alignas(64) int8_t codes[64];
  store_codes<C::kZero>(codes, C::template codes<STEP>(b));
  for (int i = 0; i < 4; ++i)
    To::store(out + 64 * STEP + 16 * i,
              scales.scaled(Isa::to_float(Isa::load_i8(codes + 16 * i)), C::kSubs == 16 ? 4 * STEP + i : 2 * STEP + i / 2));
}

template <FormatId ID, class To>
NIBBLE_INLINE void decode_superblock(const typename Codes<ID>::Block* b, float d, float m, typename To::Type* out) {
  using C = Codes<ID>;
  const SubScales<C> scales(b, d, m);
  if constexpr (ID == FormatId::kQ4_K && Isa::kHasLookup16) {
    for (int sub = 0; sub < 8; sub += 2, out += 64) {
      const Isa::F32 low = scales.scaled(code_values<ID>(), sub), high = scales.scaled(code_values<ID>(), sub + 1);
      for (int i = 0; i < 32; i += 16) {
        const Isa::I32 packed = packed_lanes(b->qs + 16 * sub + i);
        To::store(out + i, pick16<Isa>(low, packed));
        To::store(out + 32 + i, pick16<Isa>(high, Isa::shift_right<4>(packed)));
      }
    }
  } else if constexpr (ID == FormatId::kIQ4_XS && Isa::kHasLookup16) {
    for (int sub = 0; sub < 8; ++sub, out += 32) {
      const Isa::F32 table = scales.scaled(code_values<ID>(), sub);
      const Isa::I32 packed = packed_lanes(b->qs + 16 * sub);
      To::store(out, pick16<Isa>(table, packed));
      To::store(out + 16, pick16<Isa>(table, Isa::shift_right<4>(packed)));
    }
  } else if constexpr (ID == FormatId::kQ2_K) {
    const Isa::F32 codes = four_values(0, 1, 2, 3);
    for (int half = 0; half < 2; ++half)
      pick_two_bits<To>(b->qs + 32 * half, out + 128 * half, [&](int i) { return scales.scaled(codes, 8 * half + i); });
  } else {
    decode_step<ID, 0, To>(b, scales, out), decode_step<ID, 1, To>(b, scales, out);
    decode_step<ID, 2, To>(b, scales, out), decode_step<ID, 3, To>(b, scales, out);
  }
}

template <FormatId ID, class To>
void decode_super(const uint8_t* in, int64_t blocks, float, void* out) {
  using C = Codes<ID>;
  auto* target = static_cast<typename To::Type*>(out);
  const auto* b = reinterpret_cast<const typename C::Block*>(in);
  while (blocks > 0) {
    const int n = int(blocks < kScaleBatch ? blocks : kScaleBatch);
    BlockScales<C> scales;
    scales.load(b, n);
    for (int i = 0; i < n; ++i, target += 256) decode_superblock<ID, To>(b + i, scales.d[i], scales.m[i], target);
    b += n, blocks -= n;
  }
}

// Ternary with a scale a block.
template <int STEP, class To>
NIBBLE_INLINE void decode_trits(const BlockTQ1_0* b, float d, typename To::Type* out) {
  alignas(64) int8_t codes[64];
  store_codes<1>(codes, Codes<FormatId::kTQ1_0>::codes<STEP>(b));
  for (int i = 0; i < 64; i += 16)
    To::store(out + 64 * STEP + i, Isa::mul(Isa::to_float(Isa::load_i8(codes + i)), Isa::set_f(d)));
}
template <FormatId ID, class To>
void decode_ternary(const uint8_t* in, int64_t blocks, float, void* out) {
  using C = Codes<ID>;
  auto* target = static_cast<typename To::Type*>(out);
  const auto* b = reinterpret_cast<const typename C::Block*>(in);
  while (blocks > 0) {
    const int n = int(blocks < kScaleBatch ? blocks : kScaleBatch);
    BlockScales<C, false> scales;
    scales.load(b, n);
    for (int i = 0; i < n; ++i, target += 256) {
      if constexpr (ID == FormatId::kTQ2_0) {
        const Isa::F32 table = Isa::mul(four_values(-1, 0, 1, 2), Isa::set_f(scales.d[i]));
        for (int half = 0; half < 2; ++half)
          pick_two_bits<To>(b[i].qs + 32 * half, target + 128 * half, [&](int) { return table; });
      } else {
        decode_trits<0, To>(b + i, scales.d[i], target), decode_trits<1, To>(b + i, scales.d[i], target);
        decode_trits<2, To>(b + i, scales.d[i], target), decode_trits<3, To>(b + i, scales.d[i], target);
      }
    }
    b += n, blocks -= n;
  }
}

// Zero, code 1, is zero whatever the scale.
template <class To>
void decode_i2_s(const uint8_t* in, int64_t blocks, float scale, void* out) {
  auto* target = static_cast<typename To::Type*>(out);
  const Isa::F32 table = four_values(-scale, 0, scale, 0);
  for (; blocks > 0; --blocks, in += 32, target += 128)
    for (int half = 0; half < 32; half += 16) {
      const Isa::I32 packed = packed_lanes(in + half);
      To::store(target + half, Isa::lookup4(table, Isa::shift_right<6>(packed)));
      To::store(target + half + 32, Isa::lookup4(table, Isa::shift_right<4>(packed)));
      To::store(target + half + 64, Isa::lookup4(table, Isa::shift_right<2>(packed)));
      To::store(target + half + 96, Isa::lookup4(table, packed));
    }
}

template <class To>
void decode_q8_k(const uint8_t* in, int64_t blocks, float, void* out) {
  auto* target = static_cast<typename To::Type*>(out);
  for (; blocks > 0; --blocks, in += sizeof(BlockQ8_K), target += 256) {
    float d;
    __builtin_memcpy(&d, in, 4);
    for (int i = 0; i < 256; i += 16)
      To::store(target + i, Isa::mul(Isa::set_f(d), Isa::to_float(Isa::load_i8(reinterpret_cast<const int8_t*>(in) + 4 + i))));
  }
}

// Formats of one value a block: sixteen at a time, the rest by way of copies.
template <class To, class Load>
NIBBLE_INLINE void decode_plain(const uint8_t* in, int64_t values, size_t width, void* out, const Load& load) {
  auto* target = static_cast<typename To::Type*>(out);
  for (; values >= 16; values -= 16, in += 16 * width, target += 16) To::store(target, load(in));
  if (values == 0) return;
  alignas(64) uint8_t last[64] = {};
  alignas(64) typename To::Type results[16];
  __builtin_memcpy(last, in, size_t(values) * width);
  To::store(results, load(last));
  __builtin_memcpy(target, results, size_t(values) * sizeof *target);
}
template <class To>
void decode_f32(const uint8_t* in, int64_t values, float, void* out) {
  decode_plain<To>(in, values, 4, out, [](const uint8_t* p) { return Isa::load_f(reinterpret_cast<const float*>(p)); });
}
template <class To>
void decode_f16(const uint8_t* in, int64_t values, float, void* out) {
  decode_plain<To>(in, values, 2, out, [](const uint8_t* p) { return Isa::load_half(reinterpret_cast<const uint16_t*>(p)); });
}
template <class To>
void decode_bf16(const uint8_t* in, int64_t values, float, void* out) {
  decode_plain<To>(in, values, 2, out, [](const uint8_t* p) { return Isa::load_bf16(reinterpret_cast<const uint16_t*>(p)); });
}

// In the order of kFormats.
#define NIBBLE_DECODERS(TO)                                                                                       \
  {decode_f32<TO>, decode_f16<TO>, decode_bf16<TO>, decode_small<FormatId::kQ4_0, TO>,                            \
   decode_small<FormatId::kQ4_1, TO>, decode_small<FormatId::kQ5_0, TO>, decode_small<FormatId::kQ5_1, TO>,       \
   decode_small<FormatId::kQ8_0, TO>, decode_super<FormatId::kQ2_K, TO>, decode_super<FormatId::kQ3_K, TO>,       \
   decode_super<FormatId::kQ4_K, TO>, decode_super<FormatId::kQ5_K, TO>, decode_super<FormatId::kQ6_K, TO>,       \
   decode_q8_k<TO>, decode_small<FormatId::kIQ4_NL, TO>, decode_super<FormatId::kIQ4_XS, TO>,                     \
   decode_small<FormatId::kMXFP4, TO>, decode_ternary<FormatId::kTQ1_0, TO>, decode_ternary<FormatId::kTQ2_0, TO>, \
   decode_i2_s<TO>}
static_assert(kFormatCount == 20 && kFormats[3].id == FormatId::kQ4_0 && kFormats[13].id == FormatId::kQ8_K &&
              kFormats[19].id == FormatId::kI2_S);

}  // namespace
}  // namespace nibble
