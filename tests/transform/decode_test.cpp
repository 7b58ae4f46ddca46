// Ranges of a tensor as f32, f16 and bf16, and what is refused.
#include "transform/decode.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "base/half.h"
#include "formats/quant_reference.h"

namespace nibble {
namespace {

constexpr uint64_t kLength = 512, kRows = 3;

// Random bits of which no scale is an infinity or NaN, as a tensor of kRows rows.
struct RandomTensor {
  explicit RandomTensor(const Format& format) {
    bytes.resize(*format_bytes(format, kLength * kRows));
    std::mt19937 random(11);
    for (std::byte& b : bytes) b = std::byte(random() & 0x3B);
    if (format.tensor_trailer_bytes > 0) {
      const float scale = 0.37f;
      std::memcpy(bytes.data() + bytes.size() - format.tensor_trailer_bytes, &scale, sizeof scale);
    }
    view = {.name = "w", .format = &format, .rank = 2, .dims = {kLength, kRows, 1, 1}, .bytes = bytes};
    values.resize(kLength * kRows);
    EXPECT_TRUE(decode_reference(format.id, bytes, values));
  }
  std::vector<std::byte> bytes;
  TensorView view;
  std::vector<float> values;  // by the reference
};

template <class T>
std::vector<T> decoded(const TensorView& tensor, uint64_t first, uint64_t count, FormatId as) {
  std::vector<T> out(count);
  const Status status = decode_values(tensor, first, as, std::as_writable_bytes(std::span(out)));
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

TEST(DecodeValues, OfEveryFormatToEveryTypeFromAnyBlock) {
  for (const Format& format : kFormats) {
    const RandomTensor tensor(format);
    for (const uint64_t first : {uint64_t{0}, uint64_t{256}, kLength, kLength * kRows - 256})
      for (const uint64_t count : {uint64_t{0}, uint64_t{256}, kLength * kRows - first}) {
        const auto f32 = decoded<float>(tensor.view, first, count, FormatId::kF32);
        const auto f16 = decoded<uint16_t>(tensor.view, first, count, FormatId::kF16);
        const auto bf16 = decoded<uint16_t>(tensor.view, first, count, FormatId::kBF16);
        for (uint64_t i = 0; i < count; ++i) {
          const float wanted = tensor.values[first + i];
          ASSERT_EQ(f32[i], wanted) << format.name << ", value " << first + i;
          ASSERT_EQ(f16[i], float_to_half(wanted)) << format.name << ", value " << first + i;
          ASSERT_EQ(bf16[i], float_to_bfloat16(wanted)) << format.name << ", value " << first + i;
        }
      }
  }
}

TEST(DecodeValues, RowsAreTheReferenceValues) {
  for (const Format& format : kFormats) {
    const RandomTensor tensor(format);
    std::vector<float> rows(2 * kLength);
    ASSERT_TRUE(decode_rows(tensor.view, 1, rows));
    for (size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i], tensor.values[kLength + i]) << format.name;
    EXPECT_FALSE(decode_rows(tensor.view, 2, rows));
    EXPECT_FALSE(decode_rows(tensor.view, 0, std::span(rows).first(kLength + 1)));
  }
}

void expect_refused(const TensorView& tensor, uint64_t first, FormatId as, size_t bytes,
                    const std::string& why) {
  std::vector<std::byte> out(bytes, std::byte{0x5A});
  const Status status = decode_values(tensor, first, as, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_NE(status.error().message.find(why), std::string::npos) << status.error().message;
  for (const std::byte b : out) ASSERT_EQ(b, std::byte{0x5A});
}

TEST(DecodeValues, RefusesWhatDoesNotFit) {
  const RandomTensor tensor(format_of(FormatId::kQ4_K));
  const TensorView& view = tensor.view;
  expect_refused(view, 0, FormatId::kQ8_0, 256, "wanted F32, F16 or BF16");
  expect_refused(view, 0, FormatId::kF32, 4 * 256 + 2, "1026 bytes is no whole number of values of F32");
  expect_refused(view, 0, FormatId::kF16, 2 * 256 + 1, "513 bytes is no whole number of values of F16");
  expect_refused(view, 0, FormatId::kF32, 4 * 255,
                 "255 values from value 0 on; wanted whole blocks of Q4_K (256 values)");
  expect_refused(view, 32, FormatId::kF32, 4 * 256, "256 values from value 32 on; wanted whole blocks");
  expect_refused(view, 256, FormatId::kF32, 4 * 1536, "1536 values from value 256 on; it has 1536");
  expect_refused(view, ~uint64_t{0} / 256 * 256, FormatId::kF32, 4 * 512, "it has 1536");
}

TEST(DecodeValues, RefusesATensorWithOtherBytesThanItsShape) {
  for (const Format& format : kFormats) {
    RandomTensor tensor(format);
    tensor.view.bytes = std::span(tensor.bytes).first(tensor.bytes.size() - 1);
    expect_refused(tensor.view, 0, FormatId::kF32, 4 * 256, "bytes; wanted ");
    tensor.view.bytes = {};
    expect_refused(tensor.view, 0, FormatId::kF32, 4 * 256, "tensor w: 0 bytes; wanted ");
  }
}

}  // namespace
}  // namespace nibble
