// The processors this process may use: cores, SMT siblings, fast and slow ones, and the share of them that
// its control group grants. Read from /proc and /sys under a root path, so that tests can read recorded
// trees.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace nibble {

struct Cpu {
  int id = 0;
  int core = 0;      // index of its physical core, 0 ... cores - 1 over the whole machine
  int sibling = 0;   // 0 for the first allowed cpu of its core, 1 for the second
  bool fast = true;  // false: clearly slower than the fastest (efficiency cores)
};

struct Topology {
  std::vector<Cpu> cpus;        // those the affinity mask allows, in order of preference (see below)
  std::optional<double> quota;  // processors' worth of time the control groups grant; nullopt: unlimited

  // Order of `cpus`: fast before slow, first threads of cores before their siblings, then by id.
  int fast_cores() const;  // physical cores that are fast

  // The number of threads to use when nobody says: the fast physical cores, fewer where the quota is smaller
  // (a fraction of a processor is rounded down, as threads that wait for a throttled one lose more than they
  // add).
  int default_threads() const;
};

// Falls back to one core a thread of the affinity mask where /sys tells nothing.
Topology read_topology(const std::string& root = "");

}  // namespace nibble
