#pragma once

#include <filesystem>
#include <string>

#include "glmv/base/result.h"
#include "glmv/media/image.h"

namespace glmv::media {

// 8-bit RGB PNG file. internal when libpng fails.
Result<std::string> encode_png(const Image& image);

// Encodes and writes atomically.
Result<void> write_png(const std::filesystem::path& path, const Image& image);

}  // namespace glmv::media
