// Words seen before and their ids, a direct-mapped table of 64-byte entries: one thread's, so without locks.
// All kinds of tokenizer cut a text into words that tokenize apart, and go through encode_words.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace nibble {

class WordCache {
 public:
  static constexpr size_t kMaxBytes = 15;  // longer words are not cached
  static constexpr size_t kMaxIds = 8;     // neither are words of more tokens

  // Texts below this many bytes do without: clearing the table would cost more than it saves.
  static constexpr size_t kWorthwhile = 4096;
  void enable() {
    if (!entries_) entries_ = std::make_unique<Entry[]>(kEntries);
  }
  void clear() { entries_.reset(); }
  bool enabled() const { return entries_ != nullptr; }

  // Appends the ids of every word of `text` to `ids`; `ends`: where the words end, ascending. miss(word, ids)
  // appends the ids of one word that is not in the cache.
  template <class Miss>
  void encode_words(std::string_view text, const std::vector<uint32_t>& ends, std::vector<TokenId>& ids,
                    const Miss& miss);

 private:
  // The word's bytes, zeros after them, and its length in the last byte.
  struct Key {
    uint64_t low, high;
    bool operator==(const Key& other) const { return ((low ^ other.low) | (high ^ other.high)) == 0; }
  };
  struct alignas(64) Entry {
    Key key;  // all zero: empty
    TokenId ids[kMaxIds];
    uint32_t count;
  };
  static_assert(sizeof(Entry) == 64);
  static constexpr unsigned kLogSets = 13;
  static constexpr size_t kEntries = size_t(2) << kLogSets;  // 1 MiB, two entries a set

  // `readable`: how many bytes may be read from word.data() on, at least word.size().
  static Key load(std::string_view word, size_t readable) {
    uint64_t bytes[2] = {0, 0};
    if (readable >= sizeof bytes) {
      std::memcpy(bytes, word.data(), sizeof bytes);
      const size_t n = word.size();
      const uint64_t low = n >= 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * n)) - 1;
      const uint64_t high = n > 8 ? (uint64_t(1) << (8 * (n - 8))) - 1 : 0;
      bytes[0] &= low;
      bytes[1] &= high;
    } else {
      std::memcpy(bytes, word.data(), word.size());
    }
    return {bytes[0], bytes[1] | uint64_t(word.size()) << 56};
  }
  // The first entry of the key's set.
  Entry* locate(const Key& key) const {
    uint64_t h = key.low * 0x9E3779B97F4A7C15u ^ key.high * 0xC2B2AE3D27D4EB4Fu;
    h ^= h >> 32;
    return &entries_[((h * 0xBF58476D1CE4E5B9u) >> (64 - kLogSets)) * 2];
  }
  static void store(Entry* set, const Key& key, const TokenId* ids, size_t count) {
    if (count > kMaxIds) return;
    set[1] = set[0];  // the one that came before the last goes
    set[0].key = key;
    set[0].count = uint32_t(count);
    for (size_t i = 0; i < count; ++i) set[0].ids[i] = ids[i];
  }

  std::unique_ptr<Entry[]> entries_;
};

template <class Miss>
void WordCache::encode_words(std::string_view text, const std::vector<uint32_t>& ends,
                             std::vector<TokenId>& ids, const Miss& miss) {
  size_t begin = 0;
  if (!enabled()) {
    for (const size_t end : ends) {
      miss(text.substr(begin, end - begin), ids);
      begin = end;
    }
    return;
  }
  // Words go in blocks: first all entries of a block are asked for, then they are looked at, so that the
  // waits for memory overlap.
  constexpr size_t kBlock = 16;
  struct Lookup {
    size_t begin;
    Key key;
    Entry* set;
  };
  Lookup lookups[kBlock];
  TokenId found[kBlock * kMaxIds];
  for (size_t at = 0; at < ends.size(); at += kBlock) {
    const size_t count = std::min(kBlock, ends.size() - at);
    for (size_t i = 0; i < count; ++i) {
      Lookup& l = lookups[i];
      l.begin = begin;
      l.set = nullptr;
      const size_t size = ends[at + i] - begin;
      if (size <= kMaxBytes) {
        l.key = load(text.substr(begin, size), text.size() - begin);
        l.set = locate(l.key);
        __builtin_prefetch(l.set);
        __builtin_prefetch(l.set + 1);
      }
      begin = ends[at + i];
    }
    size_t n = 0;
    for (size_t i = 0; i < count; ++i) {
      const Lookup& l = lookups[i];
      if (l.set && (l.set[0].key == l.key || l.set[1].key == l.key)) {
        const Entry& entry = l.set[l.set[0].key == l.key ? 0 : 1];
        std::memcpy(found + n, entry.ids, sizeof entry.ids);
        n += entry.count;
        continue;
      }
      ids.insert(ids.end(), found, found + n);
      n = 0;
      const size_t before = ids.size();
      miss(text.substr(l.begin, ends[at + i] - l.begin), ids);
      if (l.set) store(l.set, l.key, ids.data() + before, ids.size() - before);
    }
    ids.insert(ids.end(), found, found + n);
  }
}

}  // namespace nibble
