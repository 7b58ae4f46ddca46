#include "transform/reuse_cache.h"

#include <gtest/gtest.h>

namespace nibble {
namespace {

double hit_rate(uint64_t capacity, const std::vector<int>& accesses) {
  ReuseCache<int, int> cache(capacity);
  int hits = 0;
  for (const int key : accesses) {
    if (cache.find(key, 1)) {
      ++hits;
    } else {
      cache.insert(key, std::make_shared<const int>(key), 1);
    }
    EXPECT_LE(cache.used(), capacity);
  }
  return double(hits) / double(accesses.size());
}

TEST(ReuseCache, SurvivesCyclicScans) {
  std::vector<int> cycle;
  for (int round = 0; round < 50; ++round)
    for (int key = 0; key < 100; ++key) cycle.push_back(key);
  // The best any cache can do is its share of the working set.
  for (const int capacity : {10, 25, 50, 80})
    EXPECT_NEAR(hit_rate(uint64_t(capacity), cycle), capacity / 100.0 * 0.98, 0.02);
  EXPECT_NEAR(hit_rate(100, cycle), 0.98, 1e-9);
}

TEST(ReuseCache, FollowsAWorkingSetThatMoves) {
  std::vector<int> accesses;
  for (int phase = 0; phase < 5; ++phase)
    for (int round = 0; round < 20; ++round)
      for (int key = 0; key < 40; ++key) accesses.push_back(phase * 1000 + key);
  EXPECT_GT(hit_rate(50, accesses), 0.8);
}

TEST(ReuseCache, HotKeysOutliveAScan) {
  std::vector<int> accesses;
  for (int i = 0; i < 2000; ++i) {
    accesses.push_back(i % 10);
    accesses.push_back(1000 + i);  // never again
  }
  EXPECT_GT(hit_rate(20, accesses), 0.48);
}

}  // namespace
}  // namespace nibble
