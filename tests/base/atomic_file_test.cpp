#include "base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/scratch_directory.h"

namespace nibble {
namespace {

using Names = std::vector<std::string>;

TEST(AtomicFile, AppearsOnlyWithCommit) {
  const ScratchDirectory scratch;
  auto file = AtomicFile::create(scratch / "out");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->write("hello "));
  EXPECT_FALSE(std::filesystem::exists(scratch / "out"));
  ASSERT_TRUE(file->write("world"));
  EXPECT_EQ(file->written(), 11u);
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_whole(scratch / "out"), "hello world");
  EXPECT_EQ(scratch.names(), Names{"out"});
  EXPECT_FALSE(file->write("more"));
  EXPECT_FALSE(file->commit());
  EXPECT_EQ(read_whole(scratch / "out"), "hello world");
}

TEST(AtomicFile, ManySizesArriveInOrder) {
  const ScratchDirectory scratch;
  auto file = AtomicFile::create(scratch / "out");
  ASSERT_TRUE(file);
  std::string expected;
  for (const size_t size : {1ul, 1000ul, (1ul << 20) - 1, 1ul, (1ul << 20) + 1, 0ul, 3ul << 20, 7ul}) {
    const std::string piece(size, char('a' + expected.size() % 26));
    ASSERT_TRUE(file->write(piece));
    expected += piece;
  }
  ASSERT_TRUE(file->commit());
  EXPECT_TRUE(read_whole(scratch / "out") == expected);
}

TEST(AtomicFile, DroppedWithoutCommitLeavesTheOldFile) {
  const ScratchDirectory scratch;
  write_whole(scratch / "out", "old");
  {
    auto file = AtomicFile::create(scratch / "out");
    ASSERT_TRUE(file->write("new"));
  }
  EXPECT_EQ(scratch.names(), Names{"out"});
  EXPECT_EQ(read_whole(scratch / "out"), "old");
}

TEST(AtomicFile, KeepsPermissionsAndFollowsLinks) {
  const ScratchDirectory scratch;
  write_whole(scratch / "real", "old");
  ::chmod((scratch / "real").c_str(), 0640);
  std::filesystem::create_symlink("real", scratch / "link");
  ASSERT_TRUE(write_file_atomically(scratch / "link", "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(scratch / "link"));
  EXPECT_EQ(read_whole(scratch / "real"), "new");
  EXPECT_EQ(std::filesystem::status(scratch / "real").permissions(), std::filesystem::perms(0640));
}

TEST(AtomicFile, RefusesWhatIsNoFile) {
  const ScratchDirectory scratch;
  for (const std::string& path : {std::string("/dev/null"), scratch.path(), std::string()}) {
    const auto file = AtomicFile::create(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().kind, ErrorKind::kInvalidArgument) << file.error().message;
  }
  const auto nowhere = AtomicFile::create(scratch / "missing/out");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(nowhere.error().message.find("missing/out"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(AtomicFile, LongNamesAndSeveralWritersOfOneTarget) {
  const ScratchDirectory scratch;
  const std::string target = scratch / std::string(255, 'n');
  auto first = AtomicFile::create(target);
  auto second = AtomicFile::create(target);
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_TRUE(first->write("first"));
  ASSERT_TRUE(second->write("second"));
  ASSERT_TRUE(first->commit());
  ASSERT_TRUE(second->commit());
  EXPECT_EQ(read_whole(target), "second");
  EXPECT_EQ(scratch.names().size(), 1u);
}

// Runs `body` in a child process; its exit status as waitpid gives it.
template <class Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

// Killed after every number of written megabytes: the old file stands, and leftovers, if the file system
// cannot do without them, are not in the way of a later run.
TEST(AtomicFile, KilledLeavesTheOldFile) {
  const ScratchDirectory scratch;
  write_whole(scratch / "out", "old");
  for (int megabytes = 0; megabytes < 4; ++megabytes) {
    const int status = in_child([&] {
      auto file = AtomicFile::create(scratch / "out");
      const std::string piece(1 << 20, 'x');
      for (int i = 0; i < megabytes; ++i) (void)file->write(piece);
      ::raise(SIGKILL);
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(read_whole(scratch / "out"), "old");
  }
  const int unnamed = ::open(scratch.path().c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
  const size_t left = unnamed >= 0 ? 1 : 5;
  ::close(unnamed);
  EXPECT_EQ(scratch.names().size(), left);
  ASSERT_TRUE(write_file_atomically(scratch / "out", "new"));
  EXPECT_EQ(read_whole(scratch / "out"), "new");
  EXPECT_EQ(scratch.names().size(), left);
}

// A limit on file size makes write(2) fail in the middle, as a full disk does.
TEST(AtomicFile, WriteErrorRemovesTheTemporaryFile) {
  const ScratchDirectory scratch;
  write_whole(scratch / "out", "old");
  const int status = in_child([&] {
    const rlimit limit{2 << 20, 2 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);
    auto file = AtomicFile::create(scratch / "out");
    const std::string piece(1 << 20, 'x');
    Status result;
    for (int i = 0; i < 4 && result; ++i) result = file->write(piece);
    const bool named =
        !result && result.error().kind == ErrorKind::kIo && result.error().message.find("/out") < 1000;
    const bool removed = scratch.names() == Names{"out"};
    const bool stays_failed = !file->write("more") && !file->commit();
    ::_exit(named && removed && stays_failed ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(scratch.names(), Names{"out"});
  EXPECT_EQ(read_whole(scratch / "out"), "old");
}

TEST(AtomicFile, FullDisk) {
  const ScratchDirectory scratch;
  constexpr int kCannotMount = 77;
  const int status = in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(kCannotMount);
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=3m") != 0) ::_exit(kCannotMount);
    Status written;
    {
      auto file = AtomicFile::create(scratch / "out");
      const std::string piece(1 << 20, 'x');
      for (int i = 0; i < 8 && written; ++i) written = file->write(piece);
    }
    auto early = AtomicFile::create(scratch / "out");
    const Status reserved = early->reserve(8 << 20);
    const bool ok = !written && written.error().message.find("No space") < 1000 && !reserved &&
                    reserved.error().message.find("8388608") < 1000 && scratch.names().empty();
    ::_exit(ok ? 0 : 1);
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotMount)
    GTEST_SKIP() << "needs the right to mount a tmpfs (root or user namespaces)";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace nibble
