// Every format that both programs know decodes to the same bits, whatever the bytes: infinite and NaN scales,
// codes that no encoder writes.
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "formats/quant_reference.h"
#include "formats/tensor_view.h"
#include "peer_fixture.h"

namespace nibble::peer {
namespace {

class Dequantize : public testing::TestWithParam<Format> {};

std::vector<std::byte> random_blocks(const Format& format, size_t count) {
  std::mt19937_64 random(static_cast<uint64_t>(format.id) + 1);
  std::vector<std::byte> bytes(format.block_bytes * count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() >> 56);
  return bytes;
}

TEST_P(Dequantize, SameBitsAsThePeerOnRandomBytes) {
  PEER_OR_SKIP(api);
  const Format& format = GetParam();
  const GgmlTypeTraits& traits = *api.type_traits(static_cast<int32_t>(format.id));
  ASSERT_EQ(traits.block_values, format.block_values);
  ASSERT_EQ(traits.block_bytes, format.block_bytes);
  if (!traits.to_float) GTEST_SKIP() << "the peer does not decode " << format.name;
  constexpr size_t kBlocks = 20000;
  const std::vector<std::byte> blocks = random_blocks(format, kBlocks);
  std::vector<float> ours(kBlocks * format.block_values), theirs(ours.size());
  const Status status = decode_reference(format.id, blocks, ours);
  ASSERT_TRUE(status) << status.error().message;
  traits.to_float(blocks.data(), theirs.data(), static_cast<int64_t>(theirs.size()));
  size_t finite = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    finite += std::isfinite(ours[i]);
    if (std::isnan(ours[i]) && std::isnan(theirs[i])) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(ours[i]), std::bit_cast<uint32_t>(theirs[i]))
        << format.name << " block " << i / format.block_values << " value " << i % format.block_values
        << ": ours " << ours[i] << ", the peer's " << theirs[i];
  }
  EXPECT_GT(finite, ours.size() / 2);
}

std::vector<Format> shared_formats() {
  std::vector<Format> formats;
  for (const Format& format : kFormats)
    if (format.id != FormatId::kF32 && format.id != FormatId::kI2_S) formats.push_back(format);
  return formats;
}

INSTANTIATE_TEST_SUITE_P(Formats, Dequantize, testing::ValuesIn(shared_formats()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace nibble::peer
