#include "base/topology.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <thread>
#include <tuple>

#include "base/cgroup.h"
#include "base/error.h"

namespace nibble {
namespace {

constexpr int kMaxCpus = 8192;

// "0-3,8,10-11" as the kernel writes sets of processors; malformed parts are left out.
std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    int first = 0;
    auto parsed = std::from_chars(at, end, first);
    if (parsed.ec != std::errc()) break;
    int last = first;
    at = parsed.ptr;
    if (at < end && *at == '-') {
      parsed = std::from_chars(at + 1, end, last);
      if (parsed.ec != std::errc()) break;
      at = parsed.ptr;
    }
    for (int cpu = std::max(first, 0); cpu <= last && cpu < kMaxCpus; ++cpu) cpus.push_back(cpu);
    if (at < end && *at == ',')
      ++at;
    else
      break;
  }
  return cpus;
}

std::vector<int> read_cpu_list(const std::string& path) {
  const auto text = read_system_file(path);
  return text ? parse_cpu_list(*text) : std::vector<int>{};
}

std::vector<int> allowed_cpus(const std::string& root) {
  const std::string status = read_system_file(root + "/proc/self/status").value_or("");
  constexpr std::string_view kField = "Cpus_allowed_list:";
  if (const size_t at = status.find(kField); at != std::string::npos) {
    const size_t value = status.find_first_not_of(" \t", at + kField.size());
    if (value != std::string::npos) {
      auto cpus = parse_cpu_list(std::string_view(status).substr(value));
      if (!cpus.empty()) return cpus;
    }
  }
  std::vector<int> all;
  for (unsigned cpu = 0; cpu < std::max(1u, std::thread::hardware_concurrency()); ++cpu)
    all.push_back(int(cpu));
  return all;
}

// Speed of a processor in whatever unit the machine has: only the ratio to the fastest counts.
double relative_speed(const std::string& root, int cpu, const std::vector<int>& efficiency_cpus) {
  if (!efficiency_cpus.empty())
    return std::find(efficiency_cpus.begin(), efficiency_cpus.end(), cpu) == efficiency_cpus.end() ? 1.0
                                                                                                   : 0.5;
  const std::string directory = concat(root, "/sys/devices/system/cpu/cpu", cpu);
  if (auto capacity = read_system_number(directory + "/cpu_capacity")) return double(*capacity);
  if (auto frequency = read_system_number(directory + "/cpufreq/cpuinfo_max_freq")) return double(*frequency);
  return 0;
}

std::optional<double> group_quota(const std::string& directory, bool v2) {
  double quota = 0, period = 0;
  if (v2) {  // cpu.max: "quota period" or "max period", in microseconds
    const std::string text = read_system_file(directory + "/cpu.max").value_or("");
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, quota);
    if (parsed.ec != std::errc() || parsed.ptr == end) return std::nullopt;
    if (std::from_chars(parsed.ptr + 1, end, period).ec != std::errc()) return std::nullopt;
  } else {
    quota = double(read_system_number(directory + "/cpu.cfs_quota_us").value_or(-1));
    period = double(read_system_number(directory + "/cpu.cfs_period_us").value_or(0));
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::optional<double> read_quota(const std::string& root) {
  std::optional<double> smallest;
  for (const CgroupHierarchy& hierarchy : cgroup_hierarchies(root, "cpu"))
    for (const std::string& directory : hierarchy.directories)
      if (auto quota = group_quota(directory, hierarchy.v2))
        smallest = smallest ? std::min(*smallest, *quota) : *quota;
  return smallest;
}

}  // namespace

int Topology::fast_cores() const {
  return int(
      std::count_if(cpus.begin(), cpus.end(), [](const Cpu& cpu) { return cpu.fast && cpu.sibling == 0; }));
}

int Topology::default_threads() const {
  const int cores = std::max(1, fast_cores());
  if (!quota) return cores;
  return std::clamp(int(std::min(*quota, double(kMaxCpus))), 1, cores);
}

Topology read_topology(const std::string& root) {
  Topology topology;
  const std::vector<int> efficiency_cpus = read_cpu_list(root + "/sys/devices/cpu_atom/cpus");
  std::map<int, int> core_of_leader;  // lowest sibling's id -> core index
  std::map<int, int> siblings_seen;   // by core
  std::vector<double> speeds;
  for (int id : allowed_cpus(root)) {
    std::vector<int> siblings =
        read_cpu_list(concat(root, "/sys/devices/system/cpu/cpu", id, "/topology/thread_siblings_list"));
    const int leader = siblings.empty() ? id : *std::min_element(siblings.begin(), siblings.end());
    const int core = core_of_leader.try_emplace(leader, int(core_of_leader.size())).first->second;
    topology.cpus.push_back({.id = id, .core = core, .sibling = siblings_seen[core]++});
    speeds.push_back(relative_speed(root, id, efficiency_cpus));
  }
  // Favoured cores of one kind differ by some percent; another kind by far more.
  const double fastest = *std::max_element(speeds.begin(), speeds.end());
  for (size_t i = 0; i < speeds.size(); ++i) topology.cpus[i].fast = speeds[i] >= 0.75 * fastest;
  std::stable_sort(topology.cpus.begin(), topology.cpus.end(), [](const Cpu& a, const Cpu& b) {
    return std::tuple(!a.fast, a.sibling, a.id) < std::tuple(!b.fast, b.sibling, b.id);
  });
  topology.quota = read_quota(root);
  return topology;
}

}  // namespace nibble
