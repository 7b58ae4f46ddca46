// A map from byte strings to numbers: open addressing over a polynomial hash modulo 2^61 - 1 whose base is
// drawn once per process, so that no vocabulary can be written to collide. The strings are views and must
// outlive the map. Substring hashes follow from prefix hashes in constant time, which is what enumerating
// every split of a token needs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nibble {

class TextIndex {
 public:
  static constexpr uint32_t kMissing = 0xFFFFFFFF;

  explicit TextIndex(size_t expected = 0);
  // The value of `text`: `value` when it was not there, else the first one given.
  uint32_t insert(std::string_view text, uint32_t value);
  uint32_t find(std::string_view text) const { return find(text, hash(text)); }
  uint32_t find(std::string_view text, uint64_t hash) const;

  static uint64_t hash(std::string_view text);
  // prefix[i] = hash of text[0, i); `powers` grows to text.size() + 1.
  static void prefix_hashes(std::string_view text, std::vector<uint64_t>& prefix,
                            std::vector<uint64_t>& powers);
  // hash of text[begin, end) from the prefix hashes of text.
  static uint64_t substring(const std::vector<uint64_t>& prefix, const std::vector<uint64_t>& powers,
                            size_t begin, size_t end);

 private:
  struct Slot {
    uint64_t hash = 0;
    const char* data = nullptr;
    uint32_t size = 0;
    uint32_t value = kMissing;  // kMissing: empty slot
  };
  void grow();
  std::vector<Slot> slots_;  // a power of two
  size_t used_ = 0;
};

}  // namespace nibble
