#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/scratch_directory.h"

namespace nibble {
namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(MappedFile, MapsWholeFiles) {
  const ScratchDirectory scratch;
  write_whole(scratch / "a", "some text");
  write_whole(scratch / "empty", "");
  auto file = MappedFile::open(scratch / "a");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(text_of(file->bytes()), "some text");
  EXPECT_TRUE(file->contains(file->bytes().subspan(2, 3)));
  MappedFile moved = *std::move(file);
  EXPECT_EQ(text_of(moved.bytes()), "some text");
  moved.prefetch(moved.bytes().subspan(5));
  auto empty = MappedFile::open(scratch / "empty");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->bytes().empty());
  EXPECT_FALSE(empty->contains(moved.bytes()));
}

TEST(MappedFile, NamesWhatItCannotMap) {
  const ScratchDirectory scratch;
  ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
  const struct {
    std::string path;
    ErrorKind kind;
    const char* wanted;
  } cases[] = {{scratch / "absent", ErrorKind::kNotFound, "No such file"},
               {scratch.path(), ErrorKind::kInvalidArgument, "a directory"},
               {scratch / "pipe", ErrorKind::kInvalidArgument, "a pipe"},
               {"/dev/zero", ErrorKind::kInvalidArgument, "a character device"},
               {"", ErrorKind::kNotFound, "No such file"},
               {std::string("a\0b", 3), ErrorKind::kInvalidArgument, "zero byte"}};
  for (const auto& c : cases) {
    const auto file = MappedFile::open(c.path);
    ASSERT_FALSE(file) << c.path;
    EXPECT_EQ(file.error().kind, c.kind) << file.error().message;
    EXPECT_NE(file.error().message.find(c.wanted), std::string::npos) << file.error().message;
  }
}

}  // namespace
}  // namespace nibble
