// Blocks of every format into floats, halves or bfloat16: bit-equal to the scalar reference (formats/quant_reference*.cpp), NaN payloads
// excepted. Products and sums are fused only where the product is exact. Two ways, by what the ISA has:
// - where sixteen floats can be looked up in one instruction, codes of up to four bits never become numbers: the table of a
//   sub-block's sixteen values is computed once and the packed codes pick from it (two bits: four values, on every ISA);
// - else codes come as bytes and are widened, converted and multiplied.
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

// What is written here comes back by loads, which broadcast it at no cost: compilers prefer shuffles, of which decoding has too many.
template <class T>
NIBBLE_INLINE void in_memory(T& values) { __asm__("" : "+m"(values)); }

// Scales and minima of up to sixteen blocks of 32, converted together.
constexpr int kScaleBatch = 16;
template <class C>
struct BatchScales {
  using Block = typename C::Block;
  alignas(64) float d[kScaleBatch], m[kScaleBatch];
  template <class Bits>
  static NIBBLE_INLINE void widen(const Block* blocks, int n, const Bits& bits_of, float* out) {
    uint64_t words[4] = {};
    for (int i = 0; i < n; ++i) words[i / 4] |= uint64_t(bits_of(blocks + i)) << (16 * (i % 4));
    uint16_t bits[16];
    __builtin_memcpy(bits, words, 32);
    Isa::store_f(out, Isa::load_half(bits));
  }
  NIBBLE_INLINE void load(const Block* blocks, int n) {
    widen(blocks, n, C::scale_bits, d), in_memory(d);
    if constexpr (C::kHasMin) widen(blocks, n, C::min_bits, m), in_memory(m);
  }
};
template <>
NIBBLE_INLINE void BatchScales<Codes<FormatId::kMXFP4>>::load(const BlockMXFP4* blocks, int n) {
  for (int i = 0; i < n; ++i) d[i] = power_of_two_scale(blocks[i].e);
  in_memory(d);
}

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

// Codes of two blocks of 32 as signed bytes, zero subtracted.
template <FormatId ID>
NIBBLE_INLINE Isa::U8 signed_codes(const typename Codes<ID>::Block* a, const typename Codes<ID>::Block* b) {
  if constexpr (ID == FormatId::kQ5_0 || ID == FormatId::kQ5_1) {
    uint32_t low, high;
    __builtin_memcpy(&low, a->qh, 4);
    __builtin_memcpy(&high, b->qh, 4);
    const uint64_t fifth = uint64_t(high) << 32 | low;
    const Isa::U8 nibbles = Isa::shift_dup16<0, 4>(a->qs, b->qs);
    // All bits above a nibble set where the fifth is not: q - 16.
    if constexpr (ID == FormatId::kQ5_0) return Isa::select_bits<15>(nibbles, Isa::bits_to_masks(~fifth));
    return Isa::and_xor<31, 0>(Isa::select_bits<15>(nibbles, Isa::bits_to_masks(fifth)));
  } else {
    const Isa::U8 codes = Codes<ID>::codes(a, b);
    if constexpr (Codes<ID>::kZero != 0) return Isa::sub_u8(codes, Isa::set_u8(Codes<ID>::kZero));
    return codes;
  }
}

// w = q * d, or q * d + m: the product has at most 16 bits, so that fusing rounds as two operations do.
template <class C>
NIBBLE_INLINE Isa::F32 scaled(Isa::F32 q, float d, float m) {
  if constexpr (C::kHasMin) return Isa::fma(q, Isa::set_f(d), Isa::set_f(m));
  return Isa::mul(q, Isa::set_f(d));
}

template <FormatId ID>
constexpr bool kFourBits = ID == FormatId::kQ4_0 || ID == FormatId::kQ4_1 || ID == FormatId::kIQ4_NL || ID == FormatId::kMXFP4;

template <FormatId ID, class To>
NIBBLE_INLINE void decode_32s(const typename Codes<ID>::Block* b, int n, typename To::Type* out) {
  using C = Codes<ID>;
  BatchScales<C> scales;
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
      Isa::store_u8(codes, signed_codes<ID>(b + i, b + (values == 64 ? i + 1 : i))), in_memory(codes);
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

// The scale of a superblock, and its minimum where there is one beside it: four neighbouring halves of the block are widened.
template <class Block>
struct SuperScales {
  static constexpr size_t kAt = offsetof(Block, d), kFirst = kAt + 8 <= sizeof(Block) ? kAt : sizeof(Block) - 8;
  alignas(16) float halves[4];
  NIBBLE_INLINE explicit SuperScales(const Block* b) {
    Isa::widen_half4(reinterpret_cast<const uint16_t*>(reinterpret_cast<const uint8_t*>(b) + kFirst), halves), in_memory(halves);
  }
  NIBBLE_INLINE Isa::F32 d() const { return Isa::set_f(halves[(kAt - kFirst) / 2]); }
  NIBBLE_INLINE Isa::F32 m() const { return Isa::set_f(halves[(kAt - kFirst) / 2 + 1]); }
};

// Codes of 64 values as signed bytes, q times kUnit with zero taken away: bits stand at the top of their byte where q has a zero.
template <FormatId ID>
struct SignedCodes {
  static constexpr int kUnit = 1;
  template <int STEP, class Block>
  static NIBBLE_INLINE Isa::U8 of(const Block* b) { return Codes<ID>::template codes<STEP>(b); }
};
template <>
struct SignedCodes<FormatId::kQ5_K> {
  static constexpr int kUnit = 1;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 of(const BlockQ5_K* b) {
    const Isa::U8 high = Isa::shift_dup32<2 * STEP - 4, 2 * STEP - 3>(b->qh);
    return Isa::and_xor<31, 0>(Isa::select_bits<15>(Isa::shift_dup32<0, 4>(b->qs + 32 * STEP), high));
  }
};
template <>
struct SignedCodes<FormatId::kQ3_K> {
  static constexpr int kUnit = 32;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 of(const BlockQ3_K* b) {
    constexpr int kShift = 4 * (STEP % 2);
    const Isa::U8 low = Isa::shift_dup32<kShift - 5, kShift - 3>(b->qs + 32 * (STEP / 2));
    return Isa::and_xor<0xE0, 0x80>(Isa::select_bits<0x60>(low, Isa::shift_dup32<2 * STEP - 7, 2 * STEP - 6>(b->hmask)));
  }
};
template <>
struct SignedCodes<FormatId::kQ6_K> {
  static constexpr int kUnit = 4;
  template <int STEP>
  static NIBBLE_INLINE Isa::U8 of(const BlockQ6_K* b) {
    constexpr int kHalf = STEP / 2, kShift = 4 * (STEP % 2);
    const Isa::U8 low = Isa::shift_in_bytes<kShift - 2>(Isa::load_u8(b->ql + 64 * kHalf));
    const Isa::U8 high = Isa::shift_dup32<kShift - 6, kShift - 4>(b->qh + 32 * kHalf);
    return Isa::and_xor<0xFC, 0x80>(Isa::select_bits<0x3C>(low, high));
  }
};

// d * sub-scale / kUnit and -(dmin * sub-minimum) of all sub-blocks.
template <class C, int kUnit>
struct SubScales {
  alignas(64) float d[16], m[16];
  NIBBLE_INLINE explicit SubScales(const typename C::Block* b) {
    const SuperScales<typename C::Block> super(b);
    alignas(16) uint8_t mins[16] = {};
    Isa::F32 unit = super.d();
    if constexpr (kUnit > 1) unit = Isa::mul(unit, Isa::set_f(1.0f / kUnit));
    Isa::store_f(d, Isa::mul(unit, Isa::to_float(C::sub_scales(b, mins)))), in_memory(d);
    if constexpr (C::kHasMin) {
      uint64_t low, high;  // not loaded as a vector, which would wait for these two to be stored
      __builtin_memcpy(&low, mins, 8);
      __builtin_memcpy(&high, mins + 8, 8);
      const Isa::F32 sub = Isa::to_float(C::kSubs == 8 ? Isa::widen_u8x8(low) : Isa::widen_i8x16(low, high));
      Isa::store_f(m, Isa::sub(Isa::set_f(-0.0f), Isa::mul(super.m(), sub))), in_memory(m);
    }
  }
  // Of sixteen values: w = d*sc*q - dmin*m. d*sc*q has at most 22 bits: fusing rounds as two operations do.
  NIBBLE_INLINE Isa::F32 scaled(Isa::F32 q, int sub) const {
    if constexpr (C::kHasMin) return Isa::fma(q, Isa::set_f(d[sub]), Isa::set_f(m[sub]));
    return Isa::mul(q, Isa::set_f(d[sub]));
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

template <FormatId ID, int STEP, class To, class Scales>
NIBBLE_INLINE void decode_step(const typename Codes<ID>::Block* b, const Scales& scales, typename To::Type* out) {
  constexpr int kSubs = Codes<ID>::kSubs;
  alignas(64) int8_t codes[64];
  Isa::store_u8(codes, SignedCodes<ID>::template of<STEP>(b)), in_memory(codes);
  for (int i = 0; i < 4; ++i)
    To::store(out + 64 * STEP + 16 * i,
              scales.scaled(Isa::to_float(Isa::load_i8(codes + 16 * i)), kSubs == 16 ? 4 * STEP + i : 2 * STEP + i / 2));
}

template <FormatId ID, class To>
NIBBLE_INLINE void decode_superblock(const typename Codes<ID>::Block* b, typename To::Type* out) {
  const SubScales<Codes<ID>, SignedCodes<ID>::kUnit> scales(b);
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
  auto* target = static_cast<typename To::Type*>(out);
  const auto* b = reinterpret_cast<const typename Codes<ID>::Block*>(in);
  for (; blocks > 0; --blocks, ++b, target += 256) decode_superblock<ID, To>(b, target);
}

// Ternary with a scale a block: -d, 0 * d, d; and for code 3, which only TQ2_0 can have, 2 * d.
template <class Block>
NIBBLE_INLINE Isa::F32 ternary_values(const Block* b) {
  return Isa::mul(four_values(-1, 0, 1, 2), SuperScales<Block>(b).d());
}
template <class To>
void decode_tq2_0(const uint8_t* in, int64_t blocks, float, void* out) {
  auto* target = static_cast<typename To::Type*>(out);
  const auto* b = reinterpret_cast<const BlockTQ2_0*>(in);
  for (; blocks > 0; --blocks, ++b, target += 256) {
    const Isa::F32 table = ternary_values(b);
    for (int half = 0; half < 2; ++half) pick_two_bits<To>(b->qs + 32 * half, target + 128 * half, [&](int) { return table; });
  }
}

// Digits of sixteen bytes each: one of all bytes after the other, `stride` values apart.
template <class To>
NIBBLE_INLINE void decode_digits(const uint8_t* bytes, Isa::F32 table, typename To::Type* out, int stride) {
  constexpr int kPowers[] = {1, 3, 9, 27, 81};
  const Isa::I32 lanes = Isa::widen_u8x16(bytes);
  for (int n = 0; n < 5; ++n) To::store(out + stride * n, Isa::lookup4(table, Isa::trits(lanes, Isa::set_i(kPowers[n] << 8))));
}
template <class To>
void decode_tq1_0(const uint8_t* in, int64_t blocks, float, void* out) {
  static constexpr int32_t kPowers[16] = {256, 256, 256, 256, 768, 768, 768, 768, 2304, 2304, 2304, 2304, 6912, 6912, 6912, 6912};
  auto* target = static_cast<typename To::Type*>(out);
  const auto* b = reinterpret_cast<const BlockTQ1_0*>(in);
  for (; blocks > 0; --blocks, ++b, target += 256) {
    const Isa::F32 table = ternary_values(b);
    decode_digits<To>(b->qs, table, target, 32), decode_digits<To>(b->qs + 16, table, target + 16, 32);
    decode_digits<To>(b->qs + 32, table, target + 160, 16);
    alignas(16) uint8_t last[16];  // four digits of four bytes
    for (int i = 0; i < 16; i += 4) __builtin_memcpy(last + i, b->qh, 4);
    To::store(target + 240, Isa::lookup4(table, Isa::trits(Isa::widen_u8x16(last), Isa::load_i(kPowers))));
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
   decode_small<FormatId::kMXFP4, TO>, decode_tq1_0<TO>, decode_tq2_0<TO>, \
   decode_i2_s<TO>}
static_assert(kFormatCount == 20 && kFormats[3].id == FormatId::kQ4_0 && kFormats[13].id == FormatId::kQ8_K &&
              kFormats[19].id == FormatId::kI2_S);

}  // namespace
}  // namespace nibble
