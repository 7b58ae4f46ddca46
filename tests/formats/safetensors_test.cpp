// Every hostile or torn safetensors file gives an error that names the tensor, and none makes the reader
// crash.
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "formats/safetensors_cases.h"
#include "formats/safetensors_walk.h"

namespace nibble {
namespace {

Result<SafetensorsFile> parse_text(std::string_view bytes) {
  return SafetensorsFile::parse(std::as_bytes(std::span(bytes)), "test.safetensors");
}

class SafetensorsCases : public testing::TestWithParam<SafetensorsCase> {};

TEST_P(SafetensorsCases, SaysWhatIsWrong) {
  const SafetensorsCase& c = GetParam();
  const auto file = parse_text(c.bytes);
  if (*c.wanted == '\0') {
    ASSERT_TRUE(file) << file.error().message;
    walk(*file);
    return;
  }
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find(c.wanted), std::string::npos) << file.error().message;
  EXPECT_TRUE(file.error().message.starts_with("test.safetensors: ")) << file.error().message;
  EXPECT_EQ(file.error().kind, c.kind) << file.error().message;
  EXPECT_LT(file.error().message.size(), 600u);
}

INSTANTIATE_TEST_SUITE_P(All, SafetensorsCases, testing::ValuesIn(safetensors_cases()),
                         [](const auto& test) { return test.param.name; });

TEST(Safetensors, GivesTensorsInTheOrderOfTheirBytes) {
  const std::string bytes = safetensors_cases()[0].bytes;
  const auto file = parse_text(bytes);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 2u);
  const SafetensorsTensor &a = file->tensors()[0], &b = file->tensors()[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.type->format, FormatId::kBF16);
  EXPECT_EQ(a.shape, std::vector<uint64_t>({4}));
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.shape, std::vector<uint64_t>({2, 1}));
  EXPECT_EQ(b.values(), 2u);
  EXPECT_EQ(reinterpret_cast<const char*>(b.bytes.data()), bytes.data() + bytes.size() - 8);
}

// Parses from a heap block of exactly the size, so that the sanitizer sees a read past the end.
void survive(std::string_view bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  if (const auto file = parse_text({copy.data(), copy.size()})) walk(*file);
}

TEST(SafetensorsTorn, EveryTruncation) {
  for (const SafetensorsCase& c : safetensors_cases())
    for (size_t size = 0; size < c.bytes.size(); ++size) {
      survive(std::string_view(c.bytes).substr(0, size));
      if (c.name == std::string_view("good"))
        EXPECT_FALSE(parse_text(std::string_view(c.bytes).substr(0, size))) << size;
    }
}

TEST(SafetensorsTorn, EverySingleBitFlip) {
  for (const SafetensorsCase& c : safetensors_cases()) {
    std::string bytes = c.bytes;
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
      survive(bytes);
      bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
    }
  }
}

// The fuzzer starts from the cases above. NIBBLE_WRITE_CORPUS=1 writes the files anew.
TEST(SafetensorsCorpus, IsCurrent) {
  const std::string directory = NIBBLE_SOURCE_DIR "/tests/fuzz/corpus/safetensors_fuzz/";
  const bool write = std::getenv("NIBBLE_WRITE_CORPUS") != nullptr;
  if (write) std::filesystem::create_directories(directory);
  for (const SafetensorsCase& c : safetensors_cases()) {
    if (write) std::ofstream(directory + c.name, std::ios::binary) << c.bytes;
    std::ifstream file(directory + c.name, std::ios::binary);
    EXPECT_TRUE(file && std::string(std::istreambuf_iterator<char>(file), {}) == c.bytes)
        << c.name << ": run this test with NIBBLE_WRITE_CORPUS=1";
  }
}

TEST(SafetensorsOpen, NamesWhatIsMissing) {
  const auto file = SafetensorsFile::open("/nowhere/model.safetensors");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace nibble
