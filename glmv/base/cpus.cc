#include "glmv/base/cpus.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace glmv {
namespace {

constexpr int kMaxCpus = 8192;

// A cpu_set_t of kMaxCpus CPUs: the fixed one ends at 1024.
class CpuMask {
 public:
  CpuMask() : set_(CPU_ALLOC(kMaxCpus)) { CPU_ZERO_S(size(), set_); }
  ~CpuMask() { CPU_FREE(set_); }
  CpuMask(const CpuMask&) = delete;
  CpuMask& operator=(const CpuMask&) = delete;

  static size_t size() { return CPU_ALLOC_SIZE(kMaxCpus); }
  void add(int cpu) { CPU_SET_S(cpu, size(), set_); }
  bool has(int cpu) const { return CPU_ISSET_S(cpu, size(), set_); }
  cpu_set_t* get() { return set_; }

 private:
  cpu_set_t* set_;
};

std::optional<int> parse_cpu(std::string_view text) {
  int cpu = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return cpu >= 0 && cpu < kMaxCpus ? std::optional(cpu) : std::nullopt;
}

std::string to_text(const CpuList& cpus) {
  std::string text;
  for (const int cpu : cpus) text += (text.empty() ? "" : ",") + std::to_string(cpu);
  return text;
}

}  // namespace

Result<CpuList> parse_cpu_list(std::string_view text) {
  const std::string_view whole = text;
  CpuList cpus;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view range = text.substr(0, comma);
    const size_t dash = range.find('-');
    const auto first = parse_cpu(range.substr(0, dash));
    const auto last = dash == range.npos ? first : parse_cpu(range.substr(dash + 1));
    if (!first || !last || *first > *last) {
      return invalid_argument("CPUs \"{}\": write numbers and ranges, as in 0-3,8", whole);
    }
    for (int cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
  }
  std::ranges::sort(cpus);
  const auto repeated = std::ranges::unique(cpus);
  cpus.erase(repeated.begin(), repeated.end());
  return cpus;
}

CpuList allowed_cpus() {
  CpuMask mask;
  CpuList cpus;
  if (::sched_getaffinity(0, CpuMask::size(), mask.get()) != 0) return cpus;
  for (int cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (mask.has(cpu)) cpus.push_back(cpu);
  }
  return cpus;
}

Result<void> bind_thread(const CpuList& cpus) {
  const CpuList allowed = allowed_cpus();
  const auto missing_from = [&cpus](const CpuList& available) {
    CpuList missing;
    std::ranges::set_difference(cpus, available, std::back_inserter(missing));
    return missing;
  };
  CpuList missing = missing_from(allowed);
  // A worker bound before may take other CPUs later: only what the system refuses is an error.
  CpuMask mask;
  for (const int cpu : cpus) mask.add(cpu);
  if (::sched_setaffinity(0, CpuMask::size(), mask.get()) == 0) {
    missing = missing_from(allowed_cpus());
    if (missing.empty()) return {};
    // The system leaves out what does not exist, without a word.
    CpuMask before;
    for (const int cpu : allowed) before.add(cpu);
    ::sched_setaffinity(0, CpuMask::size(), before.get());
  }
  return invalid_argument("CPU {}: not among those that this process may use ({})",
                          to_text(missing), to_text(allowed));
}

std::vector<CpuList> numa_nodes(const CpuList& among, const std::filesystem::path& system) {
  std::vector<CpuList> nodes;
  std::error_code error;
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(system, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("node") && parse_cpu(name.substr(4))) folders.push_back(entry.path());
  }
  std::ranges::sort(folders, {}, [](const auto& folder) {
    return *parse_cpu(folder.filename().string().substr(4));
  });
  for (const auto& folder : folders) {
    std::string text;
    std::getline(std::ifstream(folder / "cpulist"), text);
    const auto listed = parse_cpu_list(text);
    if (!listed) continue;  // a node of memory alone
    CpuList node;
    std::ranges::set_intersection(*listed, among, std::back_inserter(node));
    if (!node.empty()) nodes.push_back(std::move(node));
  }
  if (nodes.empty()) nodes.push_back(among);
  return nodes;
}

std::vector<CpuList> place_workers(int num_threads, const CpuList& chosen,
                                   const std::vector<CpuList>& nodes) {
  std::vector<CpuList> places;
  if (!chosen.empty()) {
    const auto count = static_cast<int>(chosen.size());
    for (int t = 0; t < num_threads; ++t) {
      places.push_back(num_threads <= count ? CpuList{chosen[t * count / num_threads]} : chosen);
    }
  } else if (nodes.size() > 1) {
    const auto count = static_cast<int>(nodes.size());
    for (int t = 0; t < num_threads; ++t) places.push_back(nodes[t * count / num_threads]);
  }
  return places;
}

}  // namespace glmv
