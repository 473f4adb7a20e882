#include "glmv/base/cgroup.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace glmv {
namespace {

namespace fs = std::filesystem;

// v1 writes "no limit" as the largest number of whole pages.
constexpr int64_t kNoLimit = int64_t{1} << 62;

struct Group {
  std::optional<int64_t> limit;
  int64_t used = 0;
};

// How the two versions name their files.
struct Version {
  const char* mount;
  const char* controller;
  const char* limit;
  const char* usage;
  const char* droppable;  // a field of memory.stat
};
constexpr Version kVersions[] = {
    {"sys/fs/cgroup", "", "memory.max", "memory.current", "inactive_file "},
    {"sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file "}};

std::optional<std::string> read_small(const fs::path& path) {
  std::ifstream in(path);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::optional<int64_t> parse_int(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

// The number behind `key` at the start of a line.
std::optional<int64_t> field(const std::string& text, std::string_view key) {
  for (size_t pos = 0; pos < text.size();) {
    const size_t end = std::min(text.find('\n', pos), text.size());
    const std::string_view line = std::string_view(text).substr(pos, end - pos);
    if (line.starts_with(key)) return parse_int(line.substr(key.size()));
    pos = end + 1;
  }
  return std::nullopt;
}

// The path of this process's group: v2 lines are "0::/path", v1 lines "4:memory:/path".
std::string group_path(const fs::path& root, std::string_view controller) {
  const auto text = read_small(root / "proc/self/cgroup");
  if (!text) return "/";
  for (size_t pos = 0; pos < text->size();) {
    const size_t end = std::min(text->find('\n', pos), text->size());
    const std::string_view line = std::string_view(*text).substr(pos, end - pos);
    pos = end + 1;
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) {
      return std::string(line.substr(second + 1));
    }
  }
  return "/";
}

std::optional<Group> read_group(const fs::path& folder, const Version& version) {
  const auto usage_text = read_small(folder / version.usage);
  const auto usage = usage_text ? parse_int(*usage_text) : std::nullopt;
  if (!usage) return std::nullopt;
  Group group;
  const auto stat = read_small(folder / "memory.stat");
  const int64_t droppable = stat ? field(*stat, version.droppable).value_or(0) : 0;
  group.used = std::max<int64_t>(0, *usage - droppable);
  const auto limit_text = read_small(folder / version.limit);
  if (limit_text) group.limit = parse_int(*limit_text);  // "max": no number, no limit
  if (group.limit && *group.limit >= kNoLimit) group.limit.reset();
  return group;
}

// The folders of the process's own group and its parents, in this order.
std::vector<fs::path> group_folders(const fs::path& root, const char* mount_name,
                                    std::string_view controller) {
  const fs::path mount = root / mount_name;
  std::vector<fs::path> folders;
  std::string path = group_path(root, controller);
  while (true) {
    const size_t start = path.find_first_not_of('/');
    folders.push_back(start == path.npos ? mount : mount / path.substr(start));
    const size_t slash = path.find_last_of('/');
    if (start == path.npos || slash == path.npos) break;
    path.resize(slash);
  }
  return folders;
}

std::vector<Group> groups(const fs::path& root) {
  std::vector<Group> found;
  for (const Version& version : kVersions) {
    for (const fs::path& folder : group_folders(root, version.mount, version.controller)) {
      if (const auto group = read_group(folder, version)) found.push_back(*group);
    }
  }
  return found;
}

// The group with the lowest limit, else the first.
std::optional<Group> tightest(const fs::path& root) {
  std::optional<Group> best;
  for (const Group& group : groups(root)) {
    if (!best || (group.limit && (!best->limit || *group.limit < *best->limit))) best = group;
  }
  return best;
}

}  // namespace

std::optional<int64_t> memory_limit_bytes(const fs::path& root) {
  const auto group = tightest(root);
  return group ? group->limit : std::nullopt;
}

std::optional<int64_t> memory_used_bytes(const fs::path& root) {
  const auto group = tightest(root);
  return group ? std::optional(group->used) : std::nullopt;
}

std::optional<int64_t> memory_room_bytes(const fs::path& root) {
  std::optional<int64_t> room;
  for (const Group& group : groups(root)) {
    if (!group.limit) continue;
    const int64_t left = std::max<int64_t>(0, *group.limit - group.used);
    room = room ? std::min(*room, left) : left;
  }
  return room;
}

std::optional<double> cpu_limit_cores(const fs::path& root) {
  std::optional<double> cores;
  const auto lower = [&cores](std::optional<int64_t> quota, std::optional<int64_t> period) {
    if (!quota || !period || *quota <= 0 || *period <= 0) return;
    const double share = static_cast<double>(*quota) / static_cast<double>(*period);
    cores = cores ? std::min(*cores, share) : share;
  };
  for (const fs::path& folder : group_folders(root, "sys/fs/cgroup", "")) {
    const auto text = read_small(folder / "cpu.max");  // "QUOTA PERIOD" or "max PERIOD"
    if (!text) continue;
    const size_t blank = std::min(text->find(' '), text->size());
    lower(parse_int(*text), parse_int(std::string_view(*text).substr(blank)));
  }
  for (const char* controller : {"cpu", "cpu,cpuacct"}) {
    for (const fs::path& folder : group_folders(root, "sys/fs/cgroup/cpu", controller)) {
      const auto quota = read_small(folder / "cpu.cfs_quota_us");
      const auto period = read_small(folder / "cpu.cfs_period_us");
      if (quota && period) lower(parse_int(*quota), parse_int(*period));
    }
  }
  return cores;
}

std::optional<int64_t> meminfo_bytes(std::string_view name, const fs::path& root) {
  const auto text = read_small(root / "proc/meminfo");
  if (!text) return std::nullopt;
  const auto kib = field(*text, std::string(name) + ":");
  return kib ? std::optional(*kib * 1024) : std::nullopt;
}

}  // namespace glmv
