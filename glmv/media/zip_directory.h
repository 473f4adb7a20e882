#pragma once
// What is in a ZIP file, and whether it is as large as it says: looked at before a program is given
// one that nobody vouches for. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::media {

struct ZipEntry {
  std::string_view name;
  std::string_view packed;    // in the file
  bool is_deflated = false;   // else stored
  size_t declared_bytes = 0;  // unpacked, as the directory says
  uint32_t crc32 = 0;
};

// Entries of the directory at the end of `file`, which lives longer. Errors: invalid_argument (no
// ZIP file; damaged: entries that overlap, do not lie in it or are not what stands before their
// data), unsupported (encrypted, other methods than deflate, parts of a set, ZIP64),
// resource_exhausted (more than kMaxZipEntries).
inline constexpr size_t kMaxZipEntries = 20'000;
Result<std::vector<ZipEntry>> read_zip_directory(std::string_view file);

// One entry. Errors: resource_exhausted (more than max_bytes, whatever is declared),
// invalid_argument (damaged, or not as large as declared).
Result<std::string> unpack(const ZipEntry& entry, size_t max_bytes);

// Unpacks all of it and keeps nothing. Errors as unpack(), of all entries together.
Result<void> check_unpacked(const std::vector<ZipEntry>& entries, size_t max_bytes);

}  // namespace glmv::media
