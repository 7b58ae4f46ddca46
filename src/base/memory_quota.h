// How much memory this process may still take before the machine or its control group runs out: what the
// limits on loading a model and on the KV cache are checked against.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace nibble {

struct MemoryQuota {
  uint64_t total = 0;        // the machine's memory or the smallest control-group limit
  uint64_t available = 0;    // of it, not in use; file pages that can be dropped count as available
  bool from_cgroup = false;  // `available` is bound by a control group, not by the machine
};

// nullopt where the system does not tell (no /proc/meminfo).
std::optional<MemoryQuota> read_memory_quota(const std::string& root = "");

}  // namespace nibble
