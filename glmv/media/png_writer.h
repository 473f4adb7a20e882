#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/media/draw.h"
#include "glmv/media/image.h"

namespace glmv::media {

// 8-bit RGB or grey PNG file. internal when libpng fails.
Result<std::string> encode_png(const Image& image);
Result<std::string> encode_png(const GreyImage& image);

// The same file with a text (UTF-8) under a keyword of 1 to 79 Latin letters (iTXt).
std::string with_png_text(std::string png, std::string_view keyword, std::string_view text);

// Encodes and writes atomically.
Result<void> write_png(const std::filesystem::path& path, const Image& image);

}  // namespace glmv::media
