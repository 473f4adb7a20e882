#pragma once
// Whole-file reads and atomic writes.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv {

// The whole file as bytes. not_found, or resource_exhausted when it is larger than `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path,
                              size_t max_bytes = size_t{1} << 30);

// Writes `data` to a temporary name in the same folder, syncs it and renames it over `path`, so
// that `path` holds either the old or the whole new content at any time (also after SIGKILL).
Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view data);

// fsync of a file or folder; errors name the path.
Result<void> sync_path(const std::filesystem::path& path);

// The message of an errno value.
std::string errno_text(int error);

}  // namespace glmv
