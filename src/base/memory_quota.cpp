#include "base/memory_quota.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/cgroup.h"

namespace nibble {
namespace {

// The number after `name` at the start of a line, in files like /proc/meminfo and memory.stat.
std::optional<uint64_t> field(std::string_view text, std::string_view name) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.starts_with(name)) {
      const size_t digits = line.find_first_not_of(": \t", name.size());
      uint64_t value = 0;
      if (digits != std::string_view::npos && digits > name.size() &&
          std::from_chars(line.data() + digits, line.data() + line.size(), value).ec == std::errc())
        return value;
    }
    at = end + 1;
  }
  return std::nullopt;
}

struct GroupMemory {
  uint64_t limit, used;  // used without the file pages the kernel would drop first
};

std::optional<GroupMemory> group_memory(const std::string& directory, bool v2) {
  const auto limit = read_system_number(directory + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
  const auto used = read_system_number(directory + (v2 ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!limit || *limit < 0 || !used || *used < 0) return std::nullopt;
  const std::string stat = read_system_file(directory + "/memory.stat").value_or("");
  const uint64_t droppable = field(stat, v2 ? "inactive_file" : "total_inactive_file").value_or(0);
  return GroupMemory{uint64_t(*limit), uint64_t(*used) - std::min(uint64_t(*used), droppable)};
}

}  // namespace

std::optional<MemoryQuota> read_memory_quota(const std::string& root) {
  const std::string meminfo = read_system_file(root + "/proc/meminfo").value_or("");
  const auto total_kib = field(meminfo, "MemTotal"), available_kib = field(meminfo, "MemAvailable");
  if (!total_kib || !available_kib) return std::nullopt;
  MemoryQuota quota{.total = *total_kib * 1024, .available = *available_kib * 1024};
  for (const CgroupHierarchy& hierarchy : cgroup_hierarchies(root, "memory"))
    for (const std::string& directory : hierarchy.directories)
      if (auto group = group_memory(directory, hierarchy.v2)) {
        quota.total = std::min(quota.total, group->limit);
        const uint64_t left = group->limit - std::min(group->limit, group->used);
        if (left < quota.available) {
          quota.available = left;
          quota.from_cgroup = true;
        }
      }
  return quota;
}

}  // namespace nibble
