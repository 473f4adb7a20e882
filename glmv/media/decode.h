#pragma once
// Bytes of a picture file -> 8-bit RGB. JPEG, PNG, WebP, GIF (first frame), BMP, TIFF (first page)
// and AVIF. JPEG and PNG give the bytes that Pillow gives. Grey, palette, CMYK and 16-bit pictures
// become 8-bit RGB (16 bits >> 8), alpha is put over white, the EXIF orientation is applied.
// Colour profiles are ignored, as in the reference. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/media/format.h"
#include "glmv/media/image.h"
#include "glmv/media/row_reader.h"

namespace glmv::media {

enum class AlphaMode {
  kOverWhite,  // transparent drawings and screenshots stay readable
  kDrop,       // colour values as stored, as the reference's path and URL route does
};

struct DecodeOptions {
  size_t max_bytes = size_t{128} << 20;  // of the file
  int64_t max_pixels = 90'000'000;       // width * height as the header says, checked first
  AlphaMode alpha = AlphaMode::kOverWhite;
  bool apply_orientation = true;
  // Not TIFF and AVIF, whose decoders are the ones least tried against hostile files.
  bool web_formats_only = false;
  // Gets the rows while they are decoded, where the format allows it: else start() is not called.
  RowReader* reader = nullptr;
};

struct DecodedImage {
  Image image;  // at least 1 x 1
  ImageFormat format = ImageFormat::kPng;
  int orientation = 1;  // EXIF value found in the file, 1-8
};

// Errors name `name` (path or short URL of the picture): invalid_argument for bytes that are no
// picture, truncated or corrupt; resource_exhausted for a limit; unsupported for a rare variant.
Result<DecodedImage> decode_image(std::string_view bytes, std::string_view name,
                                  const DecodeOptions& options = {});

}  // namespace glmv::media
