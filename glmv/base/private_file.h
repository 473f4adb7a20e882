#pragma once

#include <filesystem>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv {

// As write_file_atomic (files.h), but nobody else may read the file (0600), at no moment.
Result<void> write_private_file(const std::filesystem::path& path, std::string_view data);

}  // namespace glmv
