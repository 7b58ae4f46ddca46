#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <utility>

#include "base/quote.h"

namespace nibble {

namespace {

// Written whole and at multiples of itself: where the file system keeps large pages, the file lies in them in the page cache and whoever
// maps it (mapped_file.cpp) finds it so.
constexpr size_t kBufferBytes = size_t(2) << 20;
constexpr mode_t kPermissionBits = 07777;

std::unexpected<Error> refuse(std::string_view action, const std::string& path, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR;
  return fail(missing ? ErrorKind::kNotFound : ErrorKind::kIo, "cannot ", action, " ", quoted(path, PATH_MAX),
              ": ", std::strerror(error));
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string random_hex() {
  std::random_device device;
  const uint64_t number = (uint64_t(device()) << 32) | device();
  std::string text(16, '0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = "0123456789abcdef"[(number >> (4 * i)) & 15];
  return text;
}

// The link through which a file without a name gets one.
std::string own_link(int fd) { return concat("/proc/self/fd/", fd); }

// A new name beside `target`, and what `make(name)` gives for it: a negative number where it failed.
template <class Make>
Result<std::pair<int, std::string>> make_beside(const std::string& target, Make make) {
  constexpr size_t kMaxStem = 200;  // a file name has at most 255 bytes; the suffix needs 21
  const size_t slash = target.rfind('/');
  const size_t begin = slash == std::string::npos ? 0 : slash + 1;
  const std::string stem = target.substr(0, std::min(target.size(), begin + kMaxStem));
  for (int attempt = 0;; ++attempt) {
    std::string name = concat(stem, ".", random_hex(), ".tmp");
    const int made = make(name.c_str());
    if (made >= 0) return std::pair(made, std::move(name));
    if (errno != EEXIST || attempt == 16) return refuse("create a file beside", target, errno);
  }
}

// A new file in the directory of `target`: its descriptor, and its name if it has one.
Result<std::pair<int, std::string>> create_beside(const std::string& target) {
  const int unnamed = ::open(directory_of(target).c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  if (unnamed >= 0 && ::access(own_link(unnamed).c_str(), F_OK) == 0)
    return std::pair(unnamed, std::string());
  if (unnamed >= 0) ::close(unnamed);
  return make_beside(target, [](const char* name) {
    return ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  });
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return fail(ErrorKind::kInvalidArgument, "cannot write to a file named ", quoted(path));
  if (path == "-")
    return fail(ErrorKind::kInvalidArgument,
                "cannot write to stdout: the file appears whole or not at all; wanted its name (./- for -)");
  AtomicFile file;
  file.path_ = path;
  struct stat info;
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode))
    return fail(ErrorKind::kInvalidArgument, "cannot write to ", quoted(path, PATH_MAX), ": it is ",
                S_ISDIR(info.st_mode) ? "a directory" : "not a regular file");
  if (exists) {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    if (!real) return refuse("resolve", path, errno);
    file.path_ = real.get();
  }
  NIBBLE_TRY(auto beside, create_beside(file.path_));
  file.fd_ = beside.first;
  file.temporary_ = std::move(beside.second);
  if (exists && ::fchmod(file.fd_, info.st_mode & kPermissionBits) != 0)
    return file.failed("set the permissions of", errno);
  file.buffer_.reserve(kBufferBytes);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept { *this = std::move(other); }

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(fd_, other.fd_);
  std::swap(written_, other.written_);
  std::swap(complete_, other.complete_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

std::unexpected<Error> AtomicFile::failed(std::string_view action, int error) {
  discard();
  return refuse(action, path_, error);
}

std::unexpected<Error> AtomicFile::finished() const {
  return fail(ErrorKind::kInternal, quoted(path_, PATH_MAX), " used after it was completed or had failed");
}

Status AtomicFile::reserve(uint64_t bytes) {
  if (fd_ < 0) return finished();
  if (bytes > uint64_t(std::numeric_limits<off_t>::max())) return failed("reserve space for", EFBIG);
  if (bytes == 0 || ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, off_t(bytes)) == 0) return {};
  if (errno != ENOSPC && errno != EFBIG && errno != EDQUOT) return {};
  const int error = errno;
  discard();
  return fail(ErrorKind::kIo, "cannot write ", bytes, " bytes to ", quoted(path_, PATH_MAX), ": ",
              std::strerror(error));
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  if (fd_ < 0 || complete_) return finished();
  written_ += bytes.size();
  while (!bytes.empty()) {
    if (buffer_.empty() && bytes.size() >= kBufferBytes) {
      const size_t whole = bytes.size() / kBufferBytes * kBufferBytes;
      NIBBLE_CHECK_OK(write_through(bytes.first(whole)));
      bytes = bytes.subspan(whole);
      continue;
    }
    const auto part = bytes.first(std::min(bytes.size(), kBufferBytes - buffer_.size()));
    buffer_.insert(buffer_.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
    if (buffer_.size() == kBufferBytes) {
      NIBBLE_CHECK_OK(write_through(buffer_));
      buffer_.clear();
    }
  }
  return {};
}

Status AtomicFile::write_through(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed("write to", count < 0 ? errno : EIO);
    bytes = bytes.subspan(size_t(count));
  }
  return {};
}

Status AtomicFile::give_name() {
  auto named = make_beside(path_, [&](const char* name) {
    return ::linkat(AT_FDCWD, own_link(fd_).c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW);
  });
  if (!named) {
    discard();
    return std::unexpected(named.error());
  }
  temporary_ = std::move(named->second);
  return {};
}

Status AtomicFile::complete() {
  if (fd_ < 0) return finished();
  if (complete_) return {};
  NIBBLE_CHECK_OK(write_through(buffer_));
  buffer_ = {};
  if (::fsync(fd_) != 0) return failed("sync", errno);
  complete_ = true;
  return {};
}

Status AtomicFile::commit() {
  NIBBLE_CHECK_OK(complete());
  if (temporary_.empty()) NIBBLE_CHECK_OK(give_name());
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("put in place", errno);
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0) return refuse("close", path_, errno);
  // The rename itself must survive a power cut. Some file systems cannot sync a directory: EINVAL is no
  // failure.
  const int directory = ::open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return refuse("open the directory of", path_, errno);
  const int synced = ::fsync(directory);
  const int error = errno;
  ::close(directory);
  if (synced != 0 && error != EINVAL) return refuse("sync the directory of", path_, error);
  return {};
}

Status refuse_to_replace(std::span<const std::string> inputs, const std::string& path) {
  struct stat target, read;
  if (::stat(path.c_str(), &target) != 0) return {};
  for (const std::string& input : inputs)
    if (::stat(input.c_str(), &read) == 0 && read.st_dev == target.st_dev && read.st_ino == target.st_ino)
      return fail(ErrorKind::kInvalidArgument, quoted(path, PATH_MAX), " is the input",
                  input == path ? "" : concat(" ", quoted(input, PATH_MAX)), "; wanted another file to write");
  return {};
}

Status write_file_atomically(const std::string& path, std::string_view contents) {
  NIBBLE_TRY(AtomicFile file, AtomicFile::create(path));
  NIBBLE_CHECK_OK(file.write(contents));
  return file.commit();
}

}  // namespace nibble
