// The reference codecs mean what the peer means: decoding is the same bits for any bytes; encoding is the
// same bytes where the field has one obvious encoder, and no worse than the peer's where it has a search of
// its own.
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "formats/quant_reference.h"
#include "formats/tensor_view.h"
#include "peer_fixture.h"

namespace nibble::peer {
namespace {

// NaNs are one value: their payload depends on the compiler.
bool same_bits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

TEST(ReferenceCodecs, DecodeRandomBytesToThePeersBits) {
  PEER_OR_SKIP(api);
  std::mt19937_64 random(7);
  int compared = 0;
  for (const Format& format : kFormats) {
    const auto id = static_cast<int32_t>(format.id);
    if (format.id == FormatId::kI2_S || format.id == FormatId::kF32)
      continue;  // the peer does not decode them
    const GgmlTypeTraits& traits = *api.type_traits(id);
    if (format.id == FormatId::kQ8_K) {
      EXPECT_EQ(traits.block_bytes, format.block_bytes);  // decoded inside the library only
      continue;
    }
    SCOPED_TRACE(format.name);
    EXPECT_EQ(traits.block_values, format.block_values);
    EXPECT_EQ(traits.block_bytes, format.block_bytes);
    ASSERT_NE(traits.to_float, nullptr);
    const size_t values = 256 * 4096;
    std::vector<std::byte> bytes(values / format.block_values * format.block_bytes);
    for (std::byte& byte : bytes) byte = std::byte(random());
    std::vector<float> ours(values), theirs(values);
    ASSERT_TRUE(decode_reference(format.id, bytes, ours));
    traits.to_float(bytes.data(), theirs.data(), int64_t(values));
    size_t differences = 0;
    for (size_t i = 0; i < values; ++i)
      if (!same_bits(ours[i], theirs[i]) && ++differences < 4)
        ADD_FAILURE() << "value " << i << ": " << ours[i] << ", the peer says " << theirs[i];
    EXPECT_EQ(differences, 0u);
    ++compared;
  }
  EXPECT_EQ(compared, kFormatCount - 3);
}

std::vector<float> gaussian(size_t count) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

double error_of(const std::vector<float>& values, const std::vector<float>& decoded) {
  double error = 0, power = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    error += std::pow(double(values[i]) - double(decoded[i]), 2);
    power += double(values[i]) * double(values[i]);
  }
  return error / power;
}

TEST(ReferenceCodecs, EncodeAsThePeerWhereThereIsOneWay) {
  PEER_OR_SKIP(api);
  const std::vector<float> values = gaussian(256 * 64);
  for (const FormatId id : {FormatId::kF16, FormatId::kBF16, FormatId::kQ4_0, FormatId::kQ4_1,
                            FormatId::kQ5_0, FormatId::kQ5_1, FormatId::kQ8_0, FormatId::kMXFP4}) {
    const Format& format = format_of(id);
    SCOPED_TRACE(format.name);
    std::vector<std::byte> ours(values.size() / format.block_values * format.block_bytes),
        theirs(ours.size());
    ASSERT_TRUE(encode_reference(id, values, ours));
    api.type_traits(static_cast<int32_t>(id))
        ->from_float(values.data(), theirs.data(), int64_t(values.size()));
    EXPECT_TRUE(ours == theirs);
  }
}

// Mean squared error against the peer's own encoders, relative to them.
TEST(ReferenceCodecs, EncodeNotWorseThanThePeer) {
  PEER_OR_SKIP(api);
  const std::vector<float> values = gaussian(256 * 256);
  for (const Format& format : kFormats) {
    const GgmlTypeTraits& traits = *api.type_traits(static_cast<int32_t>(format.id));
    if (!format.stores_weights || format.block_values == 1 || format.id == FormatId::kI2_S) continue;
    std::vector<std::byte> ours(values.size() / format.block_values * format.block_bytes),
        theirs(ours.size());
    ASSERT_TRUE(encode_reference(format.id, values, ours));
    api.quantize_chunk(static_cast<int32_t>(format.id), values.data(), theirs.data(), 0,
                       int64_t(values.size()) / 256, 256, nullptr);
    std::vector<float> decoded(values.size()), decoded_theirs(values.size());
    ASSERT_TRUE(decode_reference(format.id, ours, decoded));
    traits.to_float(theirs.data(), decoded_theirs.data(), int64_t(values.size()));
    const double error = error_of(values, decoded), wanted = error_of(values, decoded_theirs);
    std::printf("%-7s NMSE %.3e, peer %.3e\n", format.name, error, wanted);
    EXPECT_LE(error, wanted * 1.05) << format.name;
  }
}

}  // namespace
}  // namespace nibble::peer
