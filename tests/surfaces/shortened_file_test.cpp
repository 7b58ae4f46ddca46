#include "surfaces/shortened_file.h"

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "base/scratch_directory.h"

namespace nibble {
namespace {

// Fails when the page can still be read.
TEST(ShortenedFileDeathTest, EndsTheProcessWithAReason) {
  const ScratchDirectory scratch;
  write_whole(scratch / "a", std::string(3 << 12, 'x'));
  const auto read_lost_page = [&] {
    exit_when_a_mapped_file_is_shortened();
    const auto file = MappedFile::open(scratch / "a");
    std::filesystem::resize_file(scratch / "a", 1 << 12);
    const volatile std::byte* bytes = file->bytes().data();
    std::exit(int(bytes[2 << 12]));
  };
  EXPECT_EXIT(read_lost_page(), testing::ExitedWithCode(error_exit_code(ErrorKind::kIo)), "was shortened");
}

}  // namespace
}  // namespace nibble
