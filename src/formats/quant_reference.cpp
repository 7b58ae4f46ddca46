#include "formats/quant_reference.h"

#include <cmath>
#include <cstring>

#include "formats/quant_blocks.h"
#include "formats/tensor_view.h"

namespace nibble {

namespace {

struct Codec {
  FormatId id;
  void (*decode)(const std::byte* in, float* out, uint64_t values);
  void (*encode)(const float* values, const float* importance, std::byte* out, uint64_t count);
};

// Blocks are copied in and out: a file aligns tensors, not blocks.
template <class Block, int kValues>
void decode_blocks(const std::byte* in, float* out, uint64_t values) {
  for (uint64_t i = 0; i < values; i += kValues, in += sizeof(Block)) {
    Block block;
    std::memcpy(&block, in, sizeof block);
    decode_block(block, out + i);
  }
}
template <class Block, int kValues>
void encode_blocks(const float* values, const float* importance, std::byte* out, uint64_t count) {
  for (uint64_t i = 0; i < count; i += kValues, out += sizeof(Block)) {
    Block block;
    encode_block(values + i, importance ? importance + i : nullptr, block);
    std::memcpy(out, &block, sizeof block);
  }
}

template <auto kConvert>
void decode_halves(const std::byte* in, float* out, uint64_t values) {
  for (uint64_t i = 0; i < values; ++i) {
    uint16_t half;
    std::memcpy(&half, in + 2 * i, sizeof half);
    out[i] = kConvert(half);
  }
}
template <auto kConvert>
void encode_halves(const float* values, const float*, std::byte* out, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    const uint16_t half = kConvert(values[i]);
    std::memcpy(out + 2 * i, &half, sizeof half);
  }
}
void decode_floats(const std::byte* in, float* out, uint64_t values) {
  std::memcpy(out, in, values * sizeof(float));
}
void encode_floats(const float* values, const float*, std::byte* out, uint64_t count) {
  std::memcpy(out, values, count * sizeof(float));
}

#define NIBBLE_CODEC(NAME, VALUES) \
  { FormatId::k##NAME, decode_blocks<Block##NAME, VALUES>, encode_blocks<Block##NAME, VALUES> }
constexpr Codec kCodecs[] = {
    {FormatId::kF32, decode_floats, encode_floats},
    {FormatId::kF16, decode_halves<half_to_float>, encode_halves<float_to_half>},
    {FormatId::kBF16, decode_halves<bfloat16_to_float>, encode_halves<float_to_bfloat16>},
    NIBBLE_CODEC(Q4_0, 32),
    NIBBLE_CODEC(Q4_1, 32),
    NIBBLE_CODEC(Q5_0, 32),
    NIBBLE_CODEC(Q5_1, 32),
    NIBBLE_CODEC(Q8_0, 32),
    NIBBLE_CODEC(Q2_K, 256),
    NIBBLE_CODEC(Q3_K, 256),
    NIBBLE_CODEC(Q4_K, 256),
    NIBBLE_CODEC(Q5_K, 256),
    NIBBLE_CODEC(Q6_K, 256),
    NIBBLE_CODEC(Q8_K, 256),
    NIBBLE_CODEC(IQ4_NL, 32),
    NIBBLE_CODEC(IQ4_XS, 256),
    NIBBLE_CODEC(MXFP4, 32),
    NIBBLE_CODEC(TQ1_0, 256),
    NIBBLE_CODEC(TQ2_0, 256),
    {FormatId::kI2_S, decode_i2_s, encode_i2_s},
};
#undef NIBBLE_CODEC
static_assert(std::size(kCodecs) == kFormatCount);
constexpr bool same_order_as_formats() {
  for (int i = 0; i < kFormatCount; ++i)
    if (kCodecs[i].id != kFormats[i].id) return false;
  return true;
}
static_assert(same_order_as_formats());

// Row of both tables, once the byte count fits the values.
Result<int> checked_row(FormatId id, uint64_t values, uint64_t bytes) {
  const int row = format_index(id);
  if (row < 0)
    return fail(ErrorKind::kInvalidArgument, "no tensor format has the id ", static_cast<uint32_t>(id));
  NIBBLE_TRY(const uint64_t wanted, format_bytes(kFormats[row], values));
  if (bytes != wanted)
    return fail(ErrorKind::kInvalidArgument, values, " values of ", kFormats[row].name, " in ", bytes,
                " bytes, wanted ", wanted);
  return row;
}

}  // namespace

Status decode_reference(FormatId format, std::span<const std::byte> bytes, std::span<float> out) {
  NIBBLE_TRY(const int row, checked_row(format, out.size(), bytes.size()));
  if (!out.empty()) kCodecs[row].decode(bytes.data(), out.data(), out.size());
  return {};
}

Status encode_reference(FormatId format, std::span<const float> values, std::span<std::byte> out,
                        std::span<const float> importance) {
  NIBBLE_TRY(const int row, checked_row(format, values.size(), out.size()));
  if (!importance.empty() && importance.size() != values.size())
    return fail(ErrorKind::kInvalidArgument, importance.size(), " importance weights for ", values.size(),
                " values");
  if (kFormats[row].block_values > 1)
    for (size_t i = 0; i < values.size(); ++i)
      if (!std::isfinite(values[i]))
        return fail(ErrorKind::kInvalidArgument, "value ", i, " is ", values[i], ", ", kFormats[row].name,
                    " holds finite values");
  for (size_t i = 0; i < importance.size(); ++i)
    if (!(importance[i] >= 0) || std::isinf(importance[i]))
      return fail(ErrorKind::kInvalidArgument, "importance weight ", i, " is ", importance[i],
                  ", wanted a finite number of 0 or more");
  const float* weights = importance.empty() ? nullptr : importance.data();
  if (!values.empty()) kCodecs[row].encode(values.data(), weights, out.data(), values.size());
  return {};
}

}  // namespace nibble
