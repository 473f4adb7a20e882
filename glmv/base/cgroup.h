#pragma once
// What Linux control groups (v1 and v2) allow this process and what it uses of that. Limits of
// parent groups hold too. `root` replaces "/" in tests. Cheap enough to ask every second.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace glmv {

// The lowest limit of memory among the groups of this process; none: there is no limit.
std::optional<int64_t> memory_limit_bytes(const std::filesystem::path& root = "/");

// What the group with that limit uses, without file pages that can be dropped; of the process's own
// group where no limit is set. None where the system does not say.
std::optional<int64_t> memory_used_bytes(const std::filesystem::path& root = "/");

// What may still be taken before a limit of any group is met, not below 0; none: there is no limit.
std::optional<int64_t> memory_room_bytes(const std::filesystem::path& root = "/");

// Cores' worth of time that the groups allow, as 1.5; none: there is no limit.
std::optional<double> cpu_limit_cores(const std::filesystem::path& root = "/");

// MemTotal and MemAvailable of /proc/meminfo, or the swap's numbers: any field of that file, in
// bytes.
std::optional<int64_t> meminfo_bytes(std::string_view name,
                                     const std::filesystem::path& root = "/");

}  // namespace glmv
