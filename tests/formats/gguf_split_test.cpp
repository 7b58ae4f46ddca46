// Split sets: -00001-of-0000N.gguf.
#include <gtest/gtest.h>

#include <cstring>

#include "base/scratch_directory.h"
#include "formats/gguf_bytes.h"

namespace nibble {
namespace {

struct Part {
  uint16_t number = 0, count = 3;
  int32_t tensors = 3;
  std::string tensor;
  uint32_t version = 3;
};

std::string part_bytes(const Part& part) {
  GgufBytes b;
  b.header(1, part.number == 0 ? 5 : 3, part.version);
  if (part.number == 0) {
    b.key_string("general.architecture", "llama");
    b.key("words", GgufType::kArray).array(GgufType::kString, 2).string("one").string("two");
  }
  b.key("split.no", GgufType::kUint16).number(part.number);
  b.key("split.count", GgufType::kUint16).number(part.count);
  b.key("split.tensors.count", GgufType::kInt32).number(part.tensors);
  b.tensor(part.tensor, {2}, 0, 0).pad().number(float(part.number)).number(0.5f);
  return b.str();
}

class SplitSet : public testing::Test {
 protected:
  const ScratchDirectory scratch_;
  std::string name(int part, int count = 3) {
    return scratch_ / concat("m-0000", part, "-of-0000", count, ".gguf");
  }
  void write(int part, const Part& contents) { write_whole(name(part), part_bytes(contents)); }
  void SetUp() override {
    write(1, {.number = 0, .tensor = "a"});
    write(2, {.number = 1, .tensor = "b"});
    write(3, {.number = 2, .tensor = "c"});
  }
  std::string error() {
    const auto file = GgufFile::open(name(1));
    return file ? "no error" : file.error().message;
  }
};

#define EXPECT_SAYS(text, wanted) EXPECT_NE((text).find(wanted), std::string::npos) << (text)

TEST_F(SplitSet, OpensAsOneFile) {
  auto file = GgufFile::open(name(1));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(file->keys().size(), 2u);
  EXPECT_FALSE(file->find("split.count"));
  EXPECT_EQ(file->get_string("general.architecture").value(), "llama");
  const auto words = file->find("words");
  ASSERT_TRUE(words);
  EXPECT_EQ(words->as_strings(), (std::vector<std::string_view>{"one", "two"}));
  EXPECT_EQ(file->file_bytes(), std::filesystem::file_size(name(1)) + std::filesystem::file_size(name(2)) +
                                    std::filesystem::file_size(name(3)));
  const GgufFile moved = *std::move(file);
  for (int i = 0; i < 3; ++i) {
    const TensorView* tensor = moved.find_tensor(std::string(1, char('a' + i)));
    ASSERT_NE(tensor, nullptr);
    float value;
    std::memcpy(&value, tensor->bytes.data(), sizeof value);
    EXPECT_EQ(value, float(i));
    moved.prefetch(*tensor);
  }
}

TEST_F(SplitSet, MissingPart) {
  std::filesystem::remove(name(2));
  const auto file = GgufFile::open(name(1));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::kNotFound);
  EXPECT_SAYS(file.error().message, "part 2 of 3");
  EXPECT_SAYS(file.error().message, "m-00002-of-00003.gguf");
}

TEST_F(SplitSet, OpenedAtAnotherPart) {
  const auto file = GgufFile::open(name(2));
  ASSERT_FALSE(file);
  EXPECT_SAYS(file.error().message, "part 2 of 3 of a split model, wanted the first (-00001-of-00003.gguf)");
}

TEST_F(SplitSet, RenamedFirstPart) {
  std::filesystem::rename(name(1), scratch_ / "model.gguf");
  const auto file = GgufFile::open(scratch_ / "model.gguf");
  ASSERT_FALSE(file);
  EXPECT_SAYS(file.error().message, "the first of 3 parts");
}

TEST_F(SplitSet, PartsThatDisagree) {
  write(2, {.number = 2, .tensor = "b"});
  EXPECT_SAYS(error(), "m-00002-of-00003.gguf: key 'split.no' is 2, wanted 1");
  write(2, {.number = 1, .count = 4, .tensor = "b"});
  EXPECT_SAYS(error(), "m-00002-of-00003.gguf: key 'split.count' is 4, the first part says 3");
  write(2, {.number = 1, .tensor = "b", .version = 2});
  EXPECT_SAYS(error(), "version 2, the first part has 3");
  write(2, {.number = 1, .tensor = "a"});
  EXPECT_SAYS(error(), "tensor 'a' occurs twice");
  write_whole(name(2), GgufBytes().header(0, 0).str());
  EXPECT_SAYS(error(), "key 'split.no' is absent, wanted 1");
  write_whole(name(2), "<html>");
  EXPECT_SAYS(error(), "m-00002-of-00003.gguf: not a GGUF file but a web page");
}

TEST_F(SplitSet, WrongTotals) {
  write(1, {.number = 0, .tensors = 5, .tensor = "a"});
  EXPECT_SAYS(error(), "key 'split.tensors.count' is 5, the 3 parts have 3 tensors");
  write(1, {.number = 0, .tensors = -1, .tensor = "a"});
  EXPECT_SAYS(error(), "'split.tensors.count' is int32 or negative");
  write(1, {.number = 0, .count = 60000, .tensor = "a"});
  EXPECT_SAYS(error(), "'split.count' is 60000, at most 10000");
  write(1, {.number = 0, .count = 2, .tensor = "a"});
  EXPECT_SAYS(error(), "wanted a name that ends in -00001-of-00002.gguf");
}

}  // namespace
}  // namespace nibble
