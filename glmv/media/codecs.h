#pragma once
// Decoders behind decode.h. Each checks the size against max_pixels after reading the header and
// before decoding; messages do not name the file (decode_image adds it).

#include <cstdint>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/media/decode.h"
#include "glmv/media/format.h"
#include "glmv/media/image.h"

namespace glmv::media {

enum class PixelLayout : uint8_t { kGrey = 1, kGreyAlpha = 2, kRgb = 3, kRgba = 4, kCmyk = 5 };

// 1, 2, 3, 4, 4.
int num_channels(PixelLayout layout);

// A picture as its codec gives it: 8 bits per channel, interleaved, rows top to bottom.
struct RawImage {
  int width = 0;
  int height = 0;
  PixelLayout layout = PixelLayout::kRgb;
  int orientation = 1;
  PixelBytes data;
};

// invalid_argument for a side of 0, resource_exhausted above the limit.
Result<void> check_size(int64_t width, int64_t height, int64_t max_pixels);

// options.reader gets the rows of a colour picture while they are decoded, unless it must be
// turned.
Result<RawImage> decode_jpeg(std::string_view bytes, const DecodeOptions& options);
Result<RawImage> decode_png(std::string_view bytes, int64_t max_pixels);
Result<RawImage> decode_bmp(std::string_view bytes, int64_t max_pixels);
// WebP, GIF, TIFF and AVIF through libvips.
Result<RawImage> decode_vips(std::string_view bytes, ImageFormat format, int64_t max_pixels);

}  // namespace glmv::media
