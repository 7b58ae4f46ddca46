#include "base/cgroup.h"

#include <charconv>
#include <fstream>

namespace nibble {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool lists(std::string_view comma_separated, std::string_view wanted) {
  for (std::string_view part : split(comma_separated, ','))
    if (part == wanted) return true;
  return false;
}

struct Mount {
  bool v2;
  std::string root;   // the group that is mounted, as /proc/self/cgroup names it
  std::string point;  // where it is mounted
};

// Lines of mountinfo: id parent major:minor root point options [optional...] - type source super_options
std::vector<Mount> cgroup_mounts(std::string_view mountinfo, std::string_view controller) {
  std::vector<Mount> mounts;
  for (std::string_view line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    size_t dash = 6;
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 3 >= fields.size()) continue;
    const bool v2 = fields[dash + 1] == "cgroup2";
    if (!v2 && !(fields[dash + 1] == "cgroup" && lists(fields[dash + 3], controller))) continue;
    mounts.push_back({v2, std::string(fields[3]), std::string(fields[4])});
  }
  return mounts;
}

// Lines of /proc/self/cgroup: id:controllers:path; v2 is "0::path".
std::optional<std::string_view> own_group(std::string_view cgroup, bool v2, std::string_view controller) {
  for (std::string_view line : split(cgroup, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : lists(controllers, controller)) return line.substr(second + 1);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_system_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(64 * 1024, '\0');
  file.read(text.data(), std::streamsize(text.size()));
  text.resize(size_t(file.gcount()));
  return text;
}

std::optional<int64_t> read_system_number(const std::string& path) {
  const auto text = read_system_file(path);
  int64_t value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
    return std::nullopt;
  return value;
}

std::vector<CgroupHierarchy> cgroup_hierarchies(const std::string& root, std::string_view controller) {
  const std::string mountinfo = read_system_file(root + "/proc/self/mountinfo").value_or("");
  const std::string cgroup = read_system_file(root + "/proc/self/cgroup").value_or("");
  std::vector<CgroupHierarchy> hierarchies;
  for (const Mount& mount : cgroup_mounts(mountinfo, controller)) {
    std::string_view group = own_group(cgroup, mount.v2, controller).value_or("/");
    // A container may see only its own part of the hierarchy (the mount's root is its group, or lies
    // elsewhere).
    if (mount.root != "/") {
      if (group.starts_with(mount.root))
        group.remove_prefix(mount.root.size());
      else
        group = "/";
    }
    CgroupHierarchy hierarchy{.v2 = mount.v2, .directories = {}};
    while (!group.empty() && group != "/") {
      hierarchy.directories.push_back(root + mount.point + std::string(group));
      group = group.substr(0, group.rfind('/'));
    }
    hierarchy.directories.push_back(root + mount.point);
    hierarchies.push_back(std::move(hierarchy));
  }
  return hierarchies;
}

}  // namespace nibble
