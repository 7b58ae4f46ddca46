// Every hostile or torn file gives an error that names the place, and no file makes the reader crash.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/scratch_directory.h"
#include "formats/gguf_bytes.h"
#include "formats/gguf_cases.h"
#include "formats/gguf_walk.h"

namespace nibble {
namespace {

class GgufCases : public testing::TestWithParam<GgufCase> {};

TEST_P(GgufCases, SaidWhatIsWrong) {
  const GgufCase& c = GetParam();
  const auto file = parse_text(c.bytes);
  if (c.wanted.empty()) {
    ASSERT_TRUE(file) << file.error().message;
    walk(*file);
    return;
  }
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find(c.wanted), std::string::npos) << file.error().message;
  EXPECT_TRUE(file.error().message.starts_with("test.gguf: ")) << file.error().message;
  EXPECT_EQ(file.error().kind, c.kind) << file.error().message;
  EXPECT_LT(file.error().message.size(), 600u);
}

INSTANTIATE_TEST_SUITE_P(All, GgufCases, testing::ValuesIn(gguf_cases::all_cases()),
                         [](const auto& test) { return test.param.name; });

// Parses from a heap block of exactly the size, so that the sanitizer sees a read past the end.
bool survives(std::string_view bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  const auto file = parse_text({copy.data(), copy.size()});
  if (file) walk(*file);
  return file.has_value();
}

TEST(GgufTorn, EveryTruncation) {
  for (const GgufCase& c : gguf_cases::all_cases()) {
    if (c.bytes.size() > 4096) continue;
    for (size_t size = 0; size < c.bytes.size(); ++size) survives(std::string_view(c.bytes).substr(0, size));
  }
  // Of a good file, only padding after the last tensor may be missing.
  const std::string whole = every_value_file();
  constexpr size_t kPadding = 28;
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(survives(std::string_view(whole).substr(0, size)), size >= whole.size() - kPadding) << size;
}

TEST(GgufTorn, EverySingleBitFlip) {
  for (const GgufCase& c : gguf_cases::all_cases()) {
    if (c.bytes.size() > 4096) continue;
    std::string bytes = c.bytes;
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
      survives(bytes);
      bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << bit % 8));
    }
  }
}

// The fuzzer starts from the cases above. NIBBLE_WRITE_CORPUS=1 writes the files anew.
TEST(GgufCorpus, IsCurrent) {
  const std::string directory = NIBBLE_SOURCE_DIR "/tests/fuzz/corpus/gguf_fuzz/";
  const bool write = std::getenv("NIBBLE_WRITE_CORPUS") != nullptr;
  if (write) std::filesystem::create_directories(directory);
  for (const GgufCase& c : gguf_cases::all_cases()) {
    if (c.bytes.size() > 4096) continue;
    if (write) write_whole(directory + c.name, c.bytes);
    EXPECT_TRUE(read_whole(directory + c.name) == c.bytes)
        << c.name << ": run this test with NIBBLE_WRITE_CORPUS=1";
  }
}

TEST(GgufOpen, NamesWhatIsNoModelFile) {
  const ScratchDirectory scratch;
  ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
  write_whole(scratch / "empty.gguf", "");
  const struct {
    std::string path;
    const char* wanted;
  } cases[] = {{scratch.path(), "is a directory"},
               {scratch / "pipe", "is a pipe"},
               {"/dev/zero", "is a character device"},
               {scratch / "absent.gguf", "No such file"},
               {scratch / "empty.gguf", "an empty file"}};
  for (const auto& c : cases) {
    const auto file = GgufFile::open(c.path);
    ASSERT_FALSE(file);
    EXPECT_NE(file.error().message.find(c.wanted), std::string::npos) << file.error().message;
    EXPECT_NE(file.error().message.find(c.path), std::string::npos) << file.error().message;
  }
}

// A sparse file whose counts promise terabytes: the counts fit the file, the memory is still bounded.
TEST(GgufOpen, LargeCountsInALargeFile) {
  const ScratchDirectory scratch;
  const struct {
    std::string bytes;
    const char* wanted;
  } cases[] = {
      {GgufBytes().header(0, uint64_t(1) << 32).str(), "4294967296 keys, at most 1048576"},
      {GgufBytes().header(uint64_t(1) << 32, 0).str(), "4294967296 tensors, at most 1048576"},
      {GgufBytes().header(0, 1).key("k", GgufType::kArray).array(GgufType::kString, uint64_t(1) << 32).str(),
       "more than 8388608 strings and nested arrays"},
      {GgufBytes().header(0, 1).key("k", GgufType::kArray).array(GgufType::kArray, uint64_t(1) << 32).str(),
       "more than 8388608 strings and nested arrays"}};
  for (const auto& c : cases) {
    write_whole(scratch / "large.gguf", c.bytes);
    std::filesystem::resize_file(scratch / "large.gguf", uint64_t(1) << 40);
    const auto file = GgufFile::open(scratch / "large.gguf");
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().kind, ErrorKind::kLimit) << file.error().message;
    EXPECT_NE(file.error().message.find(c.wanted), std::string::npos) << file.error().message;
  }
}

}  // namespace
}  // namespace nibble
