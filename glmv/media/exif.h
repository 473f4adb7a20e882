#pragma once

#include <string_view>

namespace glmv::media {

// The orientation (1-8) in an EXIF block: a TIFF structure, with or without "Exif\0\0" in front.
// 1 when there is none or the block is malformed. Source: TIFF 6.0, EXIF 2.3 tag 0x0112.
int exif_orientation(std::string_view block);

}  // namespace glmv::media
