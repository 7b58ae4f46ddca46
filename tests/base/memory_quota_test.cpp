#include "base/memory_quota.h"

#include <gtest/gtest.h>

#include "base/recorded_tree.h"

namespace nibble {
namespace {

TEST(MemoryQuota, TheMachinesMemoryWithoutLimits) {
  RecordedTree tree("v1_microvm");
  const auto quota = read_memory_quota(tree.root());
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->total, 24684096u * 1024ull);
  EXPECT_EQ(quota->available, 22419020u * 1024ull);
  EXPECT_FALSE(quota->from_cgroup);
}

TEST(MemoryQuota, DroppableFilePagesCountAsFreeInVersionOne) {
  RecordedTree tree("v1_container");
  const auto quota = read_memory_quota(tree.root());
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->total, 1073741824u);
  EXPECT_EQ(quota->available, 1073741824u - (805306368u - 536870912u));
  EXPECT_TRUE(quota->from_cgroup);
}

TEST(MemoryQuota, AndInVersionTwo) {
  RecordedTree tree("v2_container");
  const auto quota = read_memory_quota(tree.root());
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->total, 4294967296u);
  EXPECT_EQ(quota->available, 4294967296u - (3221225472u - 1073741824u));
}

TEST(MemoryQuota, AnAncestorsLimitBinds) {
  RecordedTree tree("v2_slice");
  const auto quota = read_memory_quota(tree.root());
  ASSERT_TRUE(quota);
  EXPECT_EQ(quota->available, 8589934592u - 1073741824u);
  EXPECT_TRUE(quota->from_cgroup);
}

TEST(MemoryQuota, NothingToReadIsNoAnswer) { EXPECT_FALSE(read_memory_quota("/nonexistent")); }

TEST(MemoryQuota, ThisMachine) {
  const auto quota = read_memory_quota();
  ASSERT_TRUE(quota);
  EXPECT_GT(quota->total, 1u << 20);
  EXPECT_LE(quota->available, quota->total);
}

}  // namespace
}  // namespace nibble
