#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

#include "base/quote.h"

namespace nibble {

namespace {

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISCHR(mode)) return "a character device";
  if (S_ISBLK(mode)) return "a block device";
  if (S_ISSOCK(mode)) return "a socket";
  return "not a regular file";
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// At a multiple of 2 MiB, and asking for large pages: where the page cache keeps the file in them (Linux 6.16 on ext4, xfs and others),
// one entry of the page table covers 2 MiB. Reading a model's weights then waits less for translations (docs/performance.md).
void* map_aligned(int fd, size_t size) {
  constexpr size_t kLargePage = size_t(2) << 20;
  // Address space to choose from; what is not needed goes back.
  void* const room = ::mmap(nullptr, size + kLargePage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const auto begin = reinterpret_cast<uintptr_t>(room), aligned = (begin + kLargePage - 1) / kLargePage * kLargePage;
  void* const data = ::mmap(reinterpret_cast<void*>(aligned), size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
  const int error = errno;
  const auto page = uintptr_t(::sysconf(_SC_PAGESIZE));
  const uintptr_t end = data == MAP_FAILED ? begin : (aligned + size + page - 1) / page * page;
  if (data != MAP_FAILED && aligned > begin) ::munmap(room, aligned - begin);
  if (begin + size + kLargePage > end) ::munmap(reinterpret_cast<void*>(end), begin + size + kLargePage - end);
  errno = error;
  if (data != MAP_FAILED) ::madvise(data, size, MADV_HUGEPAGE);
  return data;
}

ErrorKind kind_of_errno(int error) {
  return error == ENOENT || error == ENOTDIR ? ErrorKind::kNotFound : ErrorKind::kIo;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  if (path.find('\0') != std::string::npos)
    return fail(ErrorKind::kInvalidArgument, "file name ", quoted(path), " contains a zero byte");
  // O_NONBLOCK: a pipe without a writer must not hang the open; it means nothing for regular files.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    const int error = errno;
    return fail(kind_of_errno(error), "cannot open ", quoted(path, 4096), ": ", std::strerror(error));
  }
  struct stat info;
  if (::fstat(file.fd, &info) != 0)
    return fail(ErrorKind::kIo, "cannot examine ", quoted(path, 4096), ": ", std::strerror(errno));
  if (!S_ISREG(info.st_mode))
    return fail(ErrorKind::kInvalidArgument, quoted(path, 4096), " is ", kind_of(info.st_mode),
                ", wanted a regular file");
  if (info.st_size == 0) return MappedFile(nullptr, 0);
  if (uint64_t(info.st_size) > std::numeric_limits<size_t>::max() / 2)
    return fail(ErrorKind::kLimit, quoted(path, 4096), " has ", info.st_size,
                " bytes, more than can be mapped");
  void* data = map_aligned(file.fd, size_t(info.st_size));
  if (data == MAP_FAILED)
    return fail(ErrorKind::kIo, "cannot map ", quoted(path, 4096), ": ", std::strerror(errno));
  return MappedFile(static_cast<const std::byte*>(data), size_t(info.st_size));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

bool MappedFile::contains(std::span<const std::byte> part) const {
  const std::less_equal<const std::byte*> not_after;
  return data_ && not_after(data_, part.data()) && not_after(part.data() + part.size(), data_ + size_);
}

void MappedFile::advise(std::span<const std::byte> part, int advice) const {
  if (!contains(part) || part.empty()) return;
  static const auto page = uintptr_t(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(part.data()) & ~(page - 1);
  const auto end = reinterpret_cast<uintptr_t>(part.data() + part.size());
  ::madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

void MappedFile::prefetch(std::span<const std::byte> part) const { advise(part, MADV_WILLNEED); }
void MappedFile::release(std::span<const std::byte> part) const { advise(part, MADV_DONTNEED); }

}  // namespace nibble
