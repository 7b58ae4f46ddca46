// A file that appears whole or not at all. Bytes go to a file without a name in the target's directory, or
// where the file system knows none, to <target>.<16 hex digits>.tmp; commit() syncs it, renames it over the
// target and syncs the directory. A process killed at any moment leaves the old file or none, and at most a
// stale .tmp that never collides with a later run. Any error, and destruction before commit(), removes what
// was written.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace nibble {

class AtomicFile {
 public:
  // The target may exist (its permissions are kept, a symbolic link is followed) but must be a regular file:
  // devices and directories are refused, never replaced, and so is "-": stdout cannot appear whole.
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  ~AtomicFile();

  // Sets disk space aside so that a disk that is too small is known before the work, not after it. File
  // systems that cannot do this are no error.
  Status reserve(uint64_t bytes);
  // Appends. After an error every later call fails too.
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  uint64_t written() const { return written_; }
  // The target, links resolved.
  const std::string& path() const { return path_; }
  // Syncs what was written and frees the buffer: nothing may be written after it. commit() does it too; of
  // several files that shall appear together each is completed before the first is committed.
  Status complete();
  // Makes the file appear. Once only.
  Status commit();

 private:
  AtomicFile() = default;
  Status write_through(std::span<const std::byte> bytes);
  std::unexpected<Error> failed(std::string_view action, int error);
  std::unexpected<Error> finished() const;
  void discard();

  Status give_name();

  std::string path_, temporary_;  // temporary_ is empty while the file has no name
  int fd_ = -1;                   // -1: committed, failed or moved from
  uint64_t written_ = 0;
  bool complete_ = false;
  std::vector<std::byte> buffer_;
};

// kInvalidArgument when `path` is one of `inputs`, by whatever link: files that are read while it is written.
Status refuse_to_replace(std::span<const std::string> inputs, const std::string& path);

// The whole of it for small files.
Status write_file_atomically(const std::string& path, std::string_view contents);

}  // namespace nibble
