// A byte-limited cache of shared objects whose admission survives scans larger than itself. A plain LRU loses
// every entry of a cyclic scan just before it is needed. Here a newcomer displaces residents only if it came
// back sooner than they do: its reuse distance, known from a history of keys, must be shorter than the time
// since each victim was last used. In a cyclic scan no resident is ever that old, so a fixed part stays and
// hits; residents that fall out of use grow old and go.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace nibble {

// Not thread-safe. Time counts bytes asked for.
template <class Key, class Value>
class ReuseCache {
 public:
  explicit ReuseCache(uint64_t limit) : limit_(limit) {}

  // Null on a miss. Either way the use is remembered.
  std::shared_ptr<const Value> find(const Key& key, uint64_t bytes) {
    now_ += bytes;
    History& history = history_[key];
    history.distance = history.last ? now_ - history.last : UINT64_MAX;
    history.last = now_;
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return nullptr;
    entry->second.last = now_;
    return entry->second.value;
  }
  // Without remembering a use.
  bool contains(const Key& key) const { return entries_.contains(key); }

  // False when it is not worth the residents it would displace, or larger than the cache.
  bool insert(const Key& key, std::shared_ptr<const Value> value, uint64_t bytes) {
    if (bytes > limit_ || entries_.contains(key)) return false;
    const auto known = history_.find(key);
    const uint64_t distance = known == history_.end() ? UINT64_MAX : known->second.distance;
    std::vector<typename Entries::iterator> victims;
    uint64_t room = limit_ - used_;
    if (room < bytes) {
      std::vector<typename Entries::iterator> oldest;
      for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) oldest.push_back(entry);
      std::ranges::sort(oldest, [](const auto& a, const auto& b) { return a->second.last < b->second.last; });
      for (const auto& entry : oldest) {
        if (room >= bytes) break;
        if (now_ - entry->second.last <= distance) return false;
        victims.push_back(entry);
        room += entry->second.bytes;
      }
    }
    for (const auto& victim : victims) {
      used_ -= victim->second.bytes;
      entries_.erase(victim);
      ++evictions_;
    }
    entries_[key] = {std::move(value), bytes, now_};
    used_ += bytes;
    return true;
  }

  uint64_t used() const { return used_; }
  uint64_t limit() const { return limit_; }
  uint64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    std::shared_ptr<const Value> value;
    uint64_t bytes = 0, last = 0;
  };
  struct History {
    uint64_t last = 0, distance = UINT64_MAX;
  };
  using Entries = std::map<Key, Entry>;
  uint64_t limit_, used_ = 0, now_ = 0, evictions_ = 0;
  Entries entries_;
  std::map<Key, History> history_;  // as many as there are keys: tensors of a model
};

}  // namespace nibble
