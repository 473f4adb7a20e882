#pragma once
// The tables, and how a file gets them: numbered migrations, a copy before them, and what becomes
// of a file that is damaged.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "glmv/store/sqlite.h"

namespace glmv::store {

// Each leads from its index to the next number of the schema.
std::span<const char* const> migrations();

struct OpenedDatabase {
  Sqlite db;
  std::vector<std::string> notices;  // what a person should be told
};

// Opens or makes `path` and brings it to the newest schema. A damaged file is moved aside, with a
// notice. Errors: unsupported (written by a newer glmv), resource_exhausted
// (rights, disk), unavailable.
Result<OpenedDatabase> open_database(const std::filesystem::path& path,
                                     std::span<const char* const> steps = migrations());

}  // namespace glmv::store
