#pragma once
// Picture file formats, recognised by content; names and extensions are never trusted.

#include <optional>
#include <string_view>

namespace glmv::media {

enum class ImageFormat { kJpeg, kPng, kWebp, kGif, kBmp, kTiff, kAvif };

// "JPEG", "PNG", ...
std::string_view format_name(ImageFormat format);

// By the first bytes; nullopt when they belong to none of the formats.
std::optional<ImageFormat> sniff_format(std::string_view bytes);

// What the bytes look like, for error messages: "a PDF document", "text", "nothing (0 bytes)".
std::string_view describe_content(std::string_view bytes);

}  // namespace glmv::media
