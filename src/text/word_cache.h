// Words seen before and their ids, a direct-mapped table of 64-byte entries: one thread's, so without locks.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace nibble {

class WordCache {
 public:
  static constexpr size_t kMaxBytes = 24;  // longer words are not cached
  static constexpr size_t kMaxIds = 8;     // neither are words of more tokens

  struct Entry {
    uint64_t key[3];
    TokenId ids[kMaxIds];
    uint32_t bytes;  // 0: empty
    uint32_t count;
  };
  static_assert(sizeof(Entry) == 64);

  // Texts below this many bytes do without: clearing the table would cost more than it saves.
  static constexpr size_t kWorthwhile = 4096;
  void enable() {
    if (!entries_) entries_ = std::make_unique<Entry[]>(kEntries);
  }
  void clear() { entries_.reset(); }
  bool enabled() const { return entries_ != nullptr; }

  // The entry a word of 1..kMaxBytes bytes would be in; `key` is set as the entry's would be. `readable`: how
  // many bytes may be read from word.data() on, at least word.size().
  Entry* locate(std::string_view word, size_t readable, uint64_t (&key)[3]) {
    load(word, readable, key);
    uint64_t h = (key[0] ^ word.size()) * 0x9E3779B97F4A7C15u;
    h ^= key[1] * 0xC2B2AE3D27D4EB4Fu;
    h ^= key[2] * 0x165667B19E3779F9u;
    h ^= h >> 29;
    return &entries_[(h * 0xBF58476D1CE4E5B9u) >> (64 - kLogEntries)];
  }
  static bool holds(const Entry& e, const uint64_t (&key)[3], size_t bytes) {
    return ((e.key[0] ^ key[0]) | (e.key[1] ^ key[1]) | (e.key[2] ^ key[2]) | (e.bytes ^ bytes)) == 0;
  }
  static void store(Entry& e, const uint64_t (&key)[3], size_t bytes, const TokenId* ids, size_t count) {
    if (count > kMaxIds) return;
    std::memcpy(e.key, key, sizeof key);
    for (size_t i = 0; i < count; ++i) e.ids[i] = ids[i];
    e.bytes = uint32_t(bytes);
    e.count = uint32_t(count);
  }

 private:
  static constexpr unsigned kLogEntries = 14;
  static constexpr size_t kEntries = size_t(1) << kLogEntries;  // 1 MiB

  static void load(std::string_view word, size_t readable, uint64_t (&key)[3]) {
    key[0] = key[1] = key[2] = 0;
    if (readable < kMaxBytes) {
      std::memcpy(key, word.data(), word.size());
      return;
    }
    std::memcpy(key, word.data(), kMaxBytes);
    const auto keep = [&](size_t i) {  // bytes of key[i] that belong to the word
      const size_t bytes = word.size() > 8 * i ? word.size() - 8 * i : 0;
      return bytes >= 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * bytes)) - 1;
    };
    for (size_t i = 0; i < 3; ++i) key[i] &= keep(i);
  }
  std::unique_ptr<Entry[]> entries_;
};

}  // namespace nibble
