// Which control groups this process lives in, v1 and v2, read from /proc and /sys under a root path, so that
// tests can read recorded trees. What cannot be read is treated as absent: no limit.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nibble {

struct CgroupHierarchy {
  bool v2 = false;
  // The process's own group first, then its ancestors up to the mount point; a limit of any of them binds.
  std::vector<std::string> directories;
};

// The hierarchies that may limit `controller` ("cpu", "memory"): a v1 hierarchy that has it, the v2 one, or
// both.
std::vector<CgroupHierarchy> cgroup_hierarchies(const std::string& root, std::string_view controller);

// Whole content of a small system file, at most 64 KiB of it; nullopt when it cannot be read.
std::optional<std::string> read_system_file(const std::string& path);
// Its first number; nullopt when it starts otherwise ("max").
std::optional<int64_t> read_system_number(const std::string& path);

}  // namespace nibble
