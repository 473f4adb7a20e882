#include "glmv/media/decode.h"

#include "glmv/media/codecs.h"
#include "glmv/media/pixels.h"

namespace glmv::media {

Result<void> check_size(int64_t width, int64_t height, int64_t max_pixels) {
  if (width <= 0 || height <= 0) {
    return invalid_argument("the header says {} x {} pixels; the file is damaged", width, height);
  }
  if (height > max_pixels / width) {
    return resource_exhausted("{} x {} pixels are more than the limit of {}; use a smaller picture",
                              width, height, max_pixels);
  }
  return {};
}

namespace {

Result<RawImage> decode_raw(std::string_view bytes, ImageFormat format,
                            const DecodeOptions& options) {
  const int64_t max_pixels = options.max_pixels;
  switch (format) {
    case ImageFormat::kJpeg:
      return decode_jpeg(bytes, options);
    case ImageFormat::kPng:
      return decode_png(bytes, max_pixels);
    case ImageFormat::kBmp:
      return decode_bmp(bytes, max_pixels);
    default:
      return decode_vips(bytes, format, max_pixels);
  }
}

}  // namespace

Result<DecodedImage> decode_image(std::string_view bytes, std::string_view name,
                                  const DecodeOptions& options) {
  if (bytes.size() > options.max_bytes) {
    return resource_exhausted("picture {}: {} bytes are more than the limit of {}", name,
                              bytes.size(), options.max_bytes);
  }
  const std::optional<ImageFormat> format = sniff_format(bytes);
  if (!format) {
    return invalid_argument(
        "picture {}: not a picture but {}; give a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file",
        name, describe_content(bytes));
  }
  if (options.web_formats_only &&
      (*format == ImageFormat::kTiff || *format == ImageFormat::kAvif)) {
    return unsupported("picture {}: {} is not taken here; give JPEG, PNG, WebP, GIF or BMP", name,
                       format_name(*format));
  }
  Result<RawImage> raw = decode_raw(bytes, *format, options);
  if (!raw) {
    return in_context(fmt::format("picture {} ({})", name, format_name(*format)), raw.error());
  }
  DecodedImage decoded;
  decoded.format = *format;
  decoded.orientation = raw->orientation;
  decoded.image = to_rgb(std::move(*raw), options.alpha);
  if (options.apply_orientation) {
    decoded.image = apply_orientation(std::move(decoded.image), decoded.orientation);
  }
  return decoded;
}

}  // namespace glmv::media
