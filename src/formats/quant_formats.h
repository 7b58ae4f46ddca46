// The one table of tensor formats: ids as they stand in GGUF files, names, block structs. Plain data only, so
// that kernels compiled for one ISA may include it. What a format means is in formats/quant_reference.cpp.
// Source: the layouts of docs/formats.md. All integers and scales are little-endian; f16 is IEEE half.
#pragma once
#include <cstdint>

namespace nibble {

enum class FormatId : uint32_t {
  kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ4_1 = 3, kQ5_0 = 6, kQ5_1 = 7, kQ8_0 = 8,
  kQ2_K = 10, kQ3_K = 11, kQ4_K = 12, kQ5_K = 13, kQ6_K = 14, kQ8_K = 15,
  kIQ4_NL = 20, kIQ4_XS = 23, kBF16 = 30, kTQ1_0 = 34, kTQ2_0 = 35, kI2_S = 36, kMXFP4 = 39,
};

// Blocks as bytes on disk. Field names follow the field's usage: d scale, m/dmin minimum, qs packed codes.
struct BlockQ4_0 { uint16_t d; uint8_t qs[16]; };
struct BlockQ4_1 { uint16_t d, m; uint8_t qs[16]; };
struct BlockQ5_0 { uint16_t d; uint8_t qh[4]; uint8_t qs[16]; };
struct BlockQ5_1 { uint16_t d, m; uint8_t qh[4]; uint8_t qs[16]; };
struct BlockQ8_0 { uint16_t d; int8_t qs[32]; };
struct BlockQ2_K { uint8_t scales[16]; uint8_t qs[64]; uint16_t d, dmin; };
struct BlockQ3_K { uint8_t hmask[32]; uint8_t qs[64]; uint8_t scales[12]; uint16_t d; };
struct BlockQ4_K { uint16_t d, dmin; uint8_t scales[12]; uint8_t qs[128]; };
struct BlockQ5_K { uint16_t d, dmin; uint8_t scales[12]; uint8_t qh[32]; uint8_t qs[128]; };
struct BlockQ6_K { uint8_t ql[128]; uint8_t qh[64]; int8_t scales[16]; uint16_t d; };
struct BlockQ8_K { float d; int8_t qs[256]; int16_t bsums[16]; };
struct BlockIQ4_NL { uint16_t d; uint8_t qs[16]; };
struct BlockIQ4_XS { uint16_t d; uint16_t scales_h; uint8_t scales_l[4]; uint8_t qs[128]; };
struct BlockTQ1_0 { uint8_t qs[48]; uint8_t qh[4]; uint16_t d; };
struct BlockTQ2_0 { uint8_t qs[64]; uint16_t d; };
struct BlockMXFP4 { uint8_t e; uint8_t qs[16]; };
struct BlockI2_S { uint8_t qs[32]; };  // 128 weights; one f32 scale for the whole tensor follows all blocks

// How kernels quantize the activations that meet a format (DESIGN: bit rules).
enum class ActivationKind : uint8_t {
  kFloat,   // not at all: F32, F16, BF16 weights
  kPer32,   // int8, one f32 scale per 32 values
  kPer256,  // int8, one f32 scale per 256 values, sums per 16
  kPerRow,  // int8, one scale per token: ternary models were trained so
};

struct Format {
  FormatId id;
  const char* name;
  uint16_t block_values;  // a row is a whole number of blocks
  uint16_t block_bytes;
  uint16_t tensor_trailer_bytes;  // bytes after all blocks of a tensor (I2_S keeps its scale there)
  ActivationKind activation;
  bool stores_weights;  // false: exists for activations only
};

#define NIBBLE_FORMAT(NAME, VALUES, TRAILER, ACTIVATION, WEIGHTS)                                    \
  Format { FormatId::k##NAME, #NAME, VALUES, sizeof(Block##NAME), TRAILER, ActivationKind::ACTIVATION, WEIGHTS }

// clang-format off
inline constexpr Format kFormats[] = {
    {FormatId::kF32, "F32", 1, 4, 0, ActivationKind::kFloat, true},
    {FormatId::kF16, "F16", 1, 2, 0, ActivationKind::kFloat, true},
    {FormatId::kBF16, "BF16", 1, 2, 0, ActivationKind::kFloat, true},
    NIBBLE_FORMAT(Q4_0, 32, 0, kPer32, true),
    NIBBLE_FORMAT(Q4_1, 32, 0, kPer32, true),
    NIBBLE_FORMAT(Q5_0, 32, 0, kPer32, true),
    NIBBLE_FORMAT(Q5_1, 32, 0, kPer32, true),
    NIBBLE_FORMAT(Q8_0, 32, 0, kPer32, true),
    NIBBLE_FORMAT(Q2_K, 256, 0, kPer256, true),
    NIBBLE_FORMAT(Q3_K, 256, 0, kPer256, true),
    NIBBLE_FORMAT(Q4_K, 256, 0, kPer256, true),
    NIBBLE_FORMAT(Q5_K, 256, 0, kPer256, true),
    NIBBLE_FORMAT(Q6_K, 256, 0, kPer256, true),
    NIBBLE_FORMAT(Q8_K, 256, 0, kPer256, false),
    NIBBLE_FORMAT(IQ4_NL, 32, 0, kPer32, true),
    NIBBLE_FORMAT(IQ4_XS, 256, 0, kPer256, true),
    NIBBLE_FORMAT(MXFP4, 32, 0, kPer32, true),
    NIBBLE_FORMAT(TQ1_0, 256, 0, kPer256, true),
    NIBBLE_FORMAT(TQ2_0, 256, 0, kPer256, true),
    NIBBLE_FORMAT(I2_S, 128, 32, kPerRow, true),
};
// clang-format on
#undef NIBBLE_FORMAT
inline constexpr int kFormatCount = sizeof kFormats / sizeof kFormats[0];

// Index of a format's row in kFormats, or -1. Kernel tables are indexed by it.
constexpr int format_index(FormatId id) {
  for (int i = 0; i < kFormatCount; ++i)
    if (kFormats[i].id == id) return i;
  return -1;
}

// Not inline: an ISA object must hold no symbol that the linker may share with ordinary code.
// Codebook shared by IQ4_NL and IQ4_XS, and the doubled E2M1 values of MXFP4.
constexpr int8_t kIQ4Codebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113};
constexpr int8_t kMXFP4Codebook[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24);
static_assert(sizeof(BlockQ8_0) == 34 && sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210 && sizeof(BlockQ8_K) == 292);
static_assert(sizeof(BlockIQ4_NL) == 18 && sizeof(BlockIQ4_XS) == 136 && sizeof(BlockTQ1_0) == 54);
static_assert(sizeof(BlockTQ2_0) == 66 && sizeof(BlockMXFP4) == 17 && sizeof(BlockI2_S) == 32);

}  // namespace nibble
