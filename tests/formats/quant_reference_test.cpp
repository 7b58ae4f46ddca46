#include "formats/quant_reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "base/half.h"
#include "formats/tensor_view.h"

namespace nibble {
namespace {

constexpr uint16_t kHalfTwo = 0x4000;  // 2.0

std::vector<std::byte> encoded(const Format& format, const std::vector<float>& values,
                               const std::vector<float>& importance = {}) {
  std::vector<std::byte> bytes(format_bytes(format, values.size()).value());
  const Status status = encode_reference(format.id, values, bytes, importance);
  EXPECT_TRUE(status) << format.name << ": " << status.error().message;
  return bytes;
}
std::vector<float> decoded(const Format& format, std::span<const std::byte> bytes, size_t count) {
  std::vector<float> values(count);
  const Status status = decode_reference(format.id, bytes, values);
  EXPECT_TRUE(status) << format.name << ": " << status.error().message;
  return values;
}
template <class Block>
std::vector<float> decoded_block(FormatId id, const Block& block) {
  const Format& format = format_of(id);
  return decoded(format, std::as_bytes(std::span(&block, 1)), format.block_values);
}

std::vector<float> gaussian(size_t count, float deviation = 1) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

// Weighted error over weighted power.
double error_of(const std::vector<float>& values, const std::vector<float>& got,
                const std::vector<float>& weights = {}) {
  double error = 0, power = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double w = weights.empty() ? 1.0 : weights[i];
    error += w * std::pow(double(values[i]) - got[i], 2);
    power += w * std::pow(double(values[i]), 2);
  }
  return error / power;
}

// By hand from docs/formats.md: one value of each place of a block.
TEST(DecodeByHand, BlocksOf32) {
  BlockQ4_0 q4_0{kHalfTwo, {0x1F}};
  auto values = decoded_block(FormatId::kQ4_0, q4_0);
  EXPECT_EQ(values[0], 14.0f);
  EXPECT_EQ(values[16], -14.0f);
  EXPECT_EQ(values[1], -16.0f);
  BlockQ5_1 q5_1{kHalfTwo, 0xBC00, {0x01, 0, 0x02, 0}, {0x21}};
  values = decoded_block(FormatId::kQ5_1, q5_1);
  EXPECT_EQ(values[0], 2 * (1 + 16) - 1.0f);
  EXPECT_EQ(values[16], 2 * 2 - 1.0f);
  EXPECT_EQ(values[17], 2 * 16 - 1.0f);
  BlockMXFP4 mxfp4{128, {0xF7}};  // scale 2: 6 and -6
  values = decoded_block(FormatId::kMXFP4, mxfp4);
  EXPECT_EQ(values[0], 12.0f);
  EXPECT_EQ(values[16], -12.0f);
  BlockIQ4_NL iq4{kHalfTwo, {0xF0}};
  values = decoded_block(FormatId::kIQ4_NL, iq4);
  EXPECT_EQ(values[0], -254.0f);
  EXPECT_EQ(values[16], 226.0f);
}

TEST(DecodeByHand, Superblocks) {
  BlockQ2_K q2{};
  q2.d = kHalfTwo;
  q2.dmin = kHalfTwo;
  q2.scales[0] = 0x35;   // scale 5, min 3
  q2.scales[15] = 0x0F;  // scale 15
  q2.qs[0] = 2;
  q2.qs[63] = 0xC0;  // value 255: code 3
  auto values = decoded_block(FormatId::kQ2_K, q2);
  EXPECT_EQ(values[0], 2 * 5 * 2 - 2 * 3.0f);
  EXPECT_EQ(values[255], 2 * 15 * 3.0f);
  BlockQ3_K q3{};
  q3.d = kHalfTwo;
  std::memset(q3.hmask, 0xFF, 32);
  q3.scales[7] = 0xF0;   // low bits of scale 15
  q3.scales[11] = 0xC0;  // high bits of scale 15: 63
  q3.qs[63] = 0x40;
  values = decoded_block(FormatId::kQ3_K, q3);
  EXPECT_EQ(values[255], 2 * (63 - 32) * 1.0f);
  EXPECT_EQ(values[0], -0.0f);
  BlockQ5_K q5{};
  q5.d = kHalfTwo;
  q5.dmin = kHalfTwo;
  q5.scales[3] = 0xC0;   // high bits of scale 7
  q5.scales[7] = 0x80;   // high bits of min 7
  q5.scales[11] = 0x21;  // low bits: scale 1 + 48, min 2 + 32
  q5.qs[127] = 0x30;
  q5.qh[31] = 0x80;
  values = decoded_block(FormatId::kQ5_K, q5);
  EXPECT_EQ(values[255], 2 * 49 * 19.0f - 2 * 34);
  BlockQ6_K q6{};
  q6.d = kHalfTwo;
  q6.scales[15] = -3;
  q6.ql[127] = 0x50;
  q6.qh[63] = 0xC0;
  values = decoded_block(FormatId::kQ6_K, q6);
  EXPECT_EQ(values[255], 2 * -3 * (5 + 48 - 32.0f));
  BlockIQ4_XS iq4{};
  iq4.d = kHalfTwo;
  iq4.scales_h = 0x8000;
  iq4.scales_l[3] = 0x10;
  iq4.qs[127] = 0x90;
  values = decoded_block(FormatId::kIQ4_XS, iq4);
  EXPECT_EQ(values[255], 2 * (33 - 32) * 13.0f);
}

TEST(DecodeByHand, Ternary) {
  BlockTQ2_0 tq2{};
  tq2.d = kHalfTwo;
  tq2.qs[63] = 0x80;
  EXPECT_EQ(decoded_block(FormatId::kTQ2_0, tq2)[255], 2.0f);
  EXPECT_EQ(decoded_block(FormatId::kTQ2_0, tq2)[254], -2.0f);
  std::vector<std::byte> i2s(32 + 32);
  const float scale = 0.75f;
  std::memcpy(i2s.data() + 32, &scale, 4);
  i2s[1] = std::byte{0b10'01'00'11};  // weights 1, 33, 65, 97
  const auto values = decoded(format_of(FormatId::kI2_S), i2s, 128);
  EXPECT_EQ(values[1], 0.75f);
  EXPECT_EQ(values[33], 0.0f);
  EXPECT_EQ(values[65], -0.75f);
  EXPECT_EQ(values[97], 0.0f);  // code 3 should not occur: it reads as 0
}

// Error of a good encoder on standard normal values, with some room: a wrong bit anywhere exceeds it by far.
TEST(Encode, GaussianErrorOfEveryFormat) {
  const struct {
    FormatId id;
    double nmse;
  } cases[] = {{FormatId::kF32, 0},         {FormatId::kF16, 5e-8},     {FormatId::kBF16, 3e-6},
               {FormatId::kQ4_0, 9e-3},     {FormatId::kQ4_1, 6.5e-3},  {FormatId::kQ5_0, 2.2e-3},
               {FormatId::kQ5_1, 1.6e-3},   {FormatId::kQ8_0, 3e-5},    {FormatId::kQ2_K, 9e-2},
               {FormatId::kQ3_K, 3.2e-2},   {FormatId::kQ4_K, 6e-3},    {FormatId::kQ5_K, 1.6e-3},
               {FormatId::kQ6_K, 5e-4},     {FormatId::kQ8_K, 6e-5},    {FormatId::kIQ4_NL, 6e-3},
               {FormatId::kIQ4_XS, 6.5e-3}, {FormatId::kMXFP4, 1.6e-2}, {FormatId::kTQ1_0, 0.225},
               {FormatId::kTQ2_0, 0.225},   {FormatId::kI2_S, 0.225}};
  ASSERT_EQ(std::size(cases), size_t(kFormatCount));
  const std::vector<float> values = gaussian(256 * 64);
  for (const auto& c : cases) {
    const Format& format = format_of(c.id);
    const double error = error_of(values, decoded(format, encoded(format, values), values.size()));
    EXPECT_LE(error, c.nmse) << format.name;
    EXPECT_GE(error, c.nmse / 3) << format.name << ": the bound has become loose";
  }
}

// Decoded values are on the format's grid: encoding them again loses nothing more than the scales' own
// rounding.
TEST(Encode, SecondTimeIsNearlyExact) {
  for (const Format& format : kFormats) {
    const auto once = decoded(format, encoded(format, gaussian(2048)), 2048);
    const auto twice = decoded(format, encoded(format, once), 2048);
    EXPECT_LE(error_of(once, twice), 2e-4) << format.name;
  }
}

TEST(Encode, TernaryWeightsComeBackExactly) {
  std::mt19937 random(5);
  std::vector<float> values(256 * 20);
  for (float& value : values) value = 0.0625f * float(int(random() % 3) - 1);
  for (const FormatId id : {FormatId::kTQ1_0, FormatId::kTQ2_0, FormatId::kI2_S}) {
    const Format& format = format_of(id);
    EXPECT_EQ(decoded(format, encoded(format, values), values.size()), values) << format.name;
  }
}

TEST(Encode, ImportanceLowersTheWeightedError) {
  const std::vector<float> values = gaussian(256 * 32);
  std::mt19937 random(9);
  std::vector<float> importance(values.size());
  for (float& w : importance) w = std::exp(std::normal_distribution<float>(0, 2)(random));
  for (const Format& format : kFormats) {
    if (!format.stores_weights || format.block_values == 1) continue;
    const double plain =
        error_of(values, decoded(format, encoded(format, values), values.size()), importance);
    const double weighted =
        error_of(values, decoded(format, encoded(format, values, importance), values.size()), importance);
    // A scale for the whole tensor has little to gain from weights of single values.
    EXPECT_LT(weighted, plain * (format.id == FormatId::kI2_S ? 1.0 : 0.995)) << format.name;
  }
}

TEST(Encode, ExtremeValuesStayFinite) {
  const float big = std::numeric_limits<float>::max(), tiny = std::numeric_limits<float>::denorm_min();
  const std::vector<std::vector<float>> patterns = {
      {0.0f},      {-0.0f},     {big},       {-big}, {big, -big}, {tiny},          {tiny, -tiny, 0},
      {1e-38f, 1}, {big, tiny}, {65504, -1}, {1},    {-1},        {1e-8f, -1e-8f}, {big, big, -big / 2}};
  for (const Format& format : kFormats)
    for (const auto& pattern : patterns) {
      std::vector<float> values(256);
      for (size_t i = 0; i < values.size(); ++i) values[i] = pattern[i % pattern.size()];
      for (const auto& weights :
           {std::vector<float>(), std::vector<float>(256, 0.0f), std::vector<float>(256, 1e30f)}) {
        const auto got = decoded(format, encoded(format, values, weights), values.size());
        // Half floats round to infinity; everything else has a scale to choose.
        if (format.block_values > 1 || format.id == FormatId::kF32)
          EXPECT_TRUE(std::ranges::all_of(got, [](float v) { return std::isfinite(v); }))
              << format.name << " " << pattern[0] << " with " << weights.size() << " weights";
        if (pattern[0] == 0.0f && pattern.size() == 1)
          EXPECT_EQ(std::ranges::count(got, 0.0f), 256) << format.name;
      }
    }
}

// Any bytes are a block: no crash (the sanitizers watch), and every code of a format decodes.
TEST(Decode, AnyBytes) {
  std::mt19937_64 random(1);
  for (const Format& format : kFormats) {
    const size_t values = format.block_values * 64;
    std::vector<std::byte> bytes(format_bytes(format, values).value());
    for (int round = 0; round < 32; ++round) {
      for (std::byte& byte : bytes) byte = round == 0 ? std::byte{0xFF} : std::byte(random());
      decoded(format, bytes, values);
    }
  }
}

TEST(Codecs, RefuseWrongSizesAndValues) {
  std::vector<float> values(256, 1.0f);
  std::vector<std::byte> bytes(144);
  const auto message = [](const Status& status) { return status ? "ok" : status.error().message; };
  EXPECT_NE(
      message(decode_reference(FormatId::kQ4_K, std::span(bytes).first(143), values)).find("wanted 144"),
      std::string::npos);
  EXPECT_NE(
      message(decode_reference(FormatId::kQ4_K, bytes, std::span(values).first(255))).find("whole number"),
      std::string::npos);
  EXPECT_NE(message(encode_reference(FormatId(99), values, bytes)).find("id 99"), std::string::npos);
  values[17] = NAN;
  EXPECT_NE(message(encode_reference(FormatId::kQ4_K, values, bytes)).find("value 17"), std::string::npos);
  values[17] = 0;
  const std::vector<float> short_weights(255, 1.0f);
  EXPECT_NE(message(encode_reference(FormatId::kQ4_K, values, bytes, short_weights)).find("255"),
            std::string::npos);
  const std::vector<float> negative(256, -1.0f);
  EXPECT_NE(message(encode_reference(FormatId::kQ4_K, values, bytes, negative)).find("weight 0"),
            std::string::npos);
  EXPECT_TRUE(decode_reference(FormatId::kQ4_K, {}, {}));
}

TEST(FormatTable, FoundByIdAndName) {
  for (const Format& format : kFormats) {
    EXPECT_EQ(find_format(static_cast<uint32_t>(format.id)).value(), &format);
    EXPECT_EQ(find_format(std::string_view(format.name)).value(), &format);
  }
  EXPECT_EQ(find_format("q4_k").value()->id, FormatId::kQ4_K);
  const struct {
    uint32_t id;
    const char* wanted;
  } unsupported[] = {{16, "IQ2_XXS"},    {17, "IQ2_XS"},   {18, "IQ3_XXS"},
                     {19, "IQ1_S"},      {21, "IQ3_S"},    {22, "IQ2_S"},
                     {29, "IQ1_M"},      {31, "Q4_0_4_4"}, {33, "Q4_0_8_8"},
                     {37, "IQ4_NL_4_8"}, {38, "TL1"},      {40, "NVFP4"},
                     {41, "Q1_0"},       {42, "Q2_0"},     {4, "Q4_2"},
                     {28, "F64"},        {43, "unknown"},  {4294967295u, "unknown"}};
  for (const auto& c : unsupported) {
    const auto format = find_format(c.id);
    ASSERT_FALSE(format) << c.id;
    EXPECT_EQ(format.error().kind, ErrorKind::kUnsupported);
    EXPECT_NE(format.error().message.find(c.wanted), std::string::npos) << format.error().message;
    EXPECT_NE(format.error().message.find(std::to_string(c.id)), std::string::npos);
    if (c.wanted == std::string_view("unknown")) continue;
    const auto named = find_format(std::string_view(c.wanted));
    ASSERT_FALSE(named) << c.wanted;
    EXPECT_EQ(named.error().kind, ErrorKind::kUnsupported);
    EXPECT_NE(named.error().message.find(concat(" ", c.id, " is ", c.wanted)), std::string::npos)
        << named.error().message;
  }
  EXPECT_NE(find_format("Q9_9").error().message.find("Q4_K"), std::string::npos);
  EXPECT_EQ(format_bytes(format_of(FormatId::kI2_S), 2560 * 6912).value(), 2560u * 6912 / 4 + 32);
  EXPECT_FALSE(format_bytes(format_of(FormatId::kF32), UINT64_MAX / 2));
}

}  // namespace
}  // namespace nibble
