#include "base/topology.h"

#include <gtest/gtest.h>

#include "base/recorded_tree.h"

namespace nibble {
namespace {

std::vector<int> ids(const Topology& topology) {
  std::vector<int> result;
  for (const Cpu& cpu : topology.cpus) result.push_back(cpu.id);
  return result;
}

TEST(Topology, VirtualMachineWithoutLimits) {
  RecordedTree tree("v1_microvm");
  const Topology topology = read_topology(tree.root());
  EXPECT_EQ(ids(topology), (std::vector<int>{0, 1}));
  EXPECT_FALSE(topology.quota);
  EXPECT_EQ(topology.default_threads(), 2);
}

TEST(Topology, HalfAProcessorStillRuns) {
  RecordedTree tree("v1_container");
  const Topology topology = read_topology(tree.root());
  EXPECT_EQ(topology.cpus.size(), 8u);
  ASSERT_TRUE(topology.quota);
  EXPECT_DOUBLE_EQ(*topology.quota, 0.5);
  EXPECT_EQ(topology.default_threads(), 1);
}

TEST(Topology, QuotaOfAVersionTwoContainer) {
  RecordedTree tree("v2_container");
  const Topology topology = read_topology(tree.root());
  ASSERT_TRUE(topology.quota);
  EXPECT_DOUBLE_EQ(*topology.quota, 2.5);
  EXPECT_EQ(topology.fast_cores(), 4);
  EXPECT_EQ(topology.default_threads(), 2);
}

TEST(Topology, AnAncestorsQuotaBinds) {
  RecordedTree tree("v2_slice");
  const Topology topology = read_topology(tree.root());
  ASSERT_TRUE(topology.quota);
  EXPECT_DOUBLE_EQ(*topology.quota, 1.5);
  EXPECT_EQ(topology.fast_cores(), 8);
  EXPECT_EQ(topology.default_threads(), 1);
}

TEST(Topology, PhysicalCoresComeBeforeSiblings) {
  RecordedTree tree("smt_masked");
  const Topology topology = read_topology(tree.root());
  EXPECT_EQ(ids(topology), (std::vector<int>{0, 1, 4, 5}));
  EXPECT_EQ(topology.cpus[0].core, topology.cpus[2].core);
  EXPECT_EQ(topology.cpus[2].sibling, 1);
  EXPECT_EQ(topology.default_threads(), 2);
}

TEST(Topology, PerformanceCoresComeFirst) {
  RecordedTree tree("hybrid_x86");
  const Topology topology = read_topology(tree.root());
  EXPECT_EQ(ids(topology), (std::vector<int>{0, 2, 4, 6, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15}));
  EXPECT_FALSE(topology.cpus[8].fast);
  EXPECT_EQ(topology.default_threads(), 4);
}

TEST(Topology, FastAndSlowArmCores) {
  RecordedTree both("arm_big_little");
  EXPECT_EQ(ids(read_topology(both.root())), (std::vector<int>{4, 5, 0, 1, 2, 3}));
  EXPECT_EQ(read_topology(both.root()).default_threads(), 2);
  RecordedTree slow("arm_little_only");
  EXPECT_EQ(read_topology(slow.root()).default_threads(), 4);
}

TEST(Topology, FavouredCoresAreNoOtherKind) {
  RecordedTree tree("favoured_cores");
  EXPECT_EQ(read_topology(tree.root()).default_threads(), 4);
}

TEST(Topology, AnEmptyTreeStillGivesThreads) {
  const Topology topology = read_topology("/nonexistent");
  EXPECT_GE(topology.default_threads(), 1);
  EXPECT_FALSE(topology.quota);
}

TEST(Topology, ThisMachine) {
  const Topology topology = read_topology();
  ASSERT_FALSE(topology.cpus.empty());
  EXPECT_GE(topology.default_threads(), 1);
  EXPECT_LE(topology.default_threads(), int(topology.cpus.size()));
}

}  // namespace
}  // namespace nibble
