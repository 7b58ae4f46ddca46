// A whole regular file mapped for reading. Nothing is read before it is touched.
// A file that another process shortens while it is mapped: touching the lost pages raises SIGBUS, and no
// value that could be read instead is right. The process ends; the program says why
// (surfaces/shortened_file.h). Replacing a model by rename, as nibble's own writer does, is always safe.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "base/error.h"

namespace nibble {

class MappedFile {
 public:
  // Errors: kNotFound; kIo when the system refuses; kInvalidArgument for what is not a regular file (a
  // directory, a pipe, a device: named as such, never read, never waited for). An empty file maps to an empty
  // span.
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Aligned to 2 MiB where address space allows, else to a page; valid while this object lives, wherever it is moved.
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  bool contains(std::span<const std::byte> part) const;
  // Asks the kernel to read the pages of `part` (inside bytes()) soon. A hint: failure is ignored.
  void prefetch(std::span<const std::byte> part) const;
  // Gives the pages of `part` back: they count no more as this process's memory. Touched again they are read
  // again, from the page cache or the disk. A hint too.
  void release(std::span<const std::byte> part) const;

 private:
  MappedFile(const std::byte* data, size_t size) : data_(data), size_(size) {}
  void advise(std::span<const std::byte> part, int advice) const;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace nibble
