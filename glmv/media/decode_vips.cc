// WebP, GIF, TIFF and AVIF through libvips. The loader is named by the sniffed format, so libvips
// never chooses one itself; loaders it calls untrusted are blocked besides.

#include <vips/vips.h>

#include <memory>
#include <mutex>
#include <string>

#include "glmv/media/codecs.h"

namespace glmv::media {
namespace {

struct Unref {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};
using ImagePtr = std::unique_ptr<VipsImage, Unref>;

// libvips keeps global state and must be started once per process.
bool start_vips() {
  static const bool started = [] {
    if (VIPS_INIT("glmv") != 0) return false;
    // libvips prints warnings about odd tags; what matters comes back as an error.
    g_log_set_handler(
        "VIPS", G_LOG_LEVEL_MASK, [](const char*, GLogLevelFlags, const char*, void*) {}, nullptr);
    vips_block_untrusted_set(TRUE);
    // Sources are read once: caching operations would only keep memory.
    vips_cache_set_max(0);
    vips_concurrency_set(1);
    return true;
  }();
  return started;
}

Status vips_status(std::string_view what) {
  std::string text(vips_error_buffer());
  vips_error_clear();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  while (text.ends_with(' ')) text.pop_back();
  return Status{Code::kInvalidArgument, fmt::format("{}: {}", what, text)};
}

const char* loader_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kWebp:
      return "webpload_buffer";
    case ImageFormat::kGif:
      return "gifload_buffer";
    case ImageFormat::kTiff:
      return "tiffload_buffer";
    default:
      return "heifload_buffer";
  }
}

Result<ImagePtr> open(std::string_view bytes, ImageFormat format) {
  void* data = const_cast<char*>(bytes.data());
  std::unique_ptr<VipsBlob, void (*)(VipsBlob*)> blob(
      vips_blob_new(nullptr, data, bytes.size()),
      [](VipsBlob* b) { vips_area_unref(VIPS_AREA(b)); });
  VipsImage* image = nullptr;
  // Read once from top to bottom, or via memory: libvips would put large pictures into a temporary
  // file.
  if (vips_call(loader_name(format), blob.get(), &image, "fail_on", VIPS_FAIL_ON_ERROR, "access",
                VIPS_ACCESS_SEQUENTIAL, "memory", TRUE, nullptr)) {
    return std::unexpected(vips_status("truncated or damaged"));
  }
  return ImagePtr(image);
}

// GIF headers are checked here because libvips walks all frames while it opens one.
Result<void> check_gif_header(std::string_view bytes, int64_t max_pixels) {
  if (bytes.size() < 13) return invalid_argument("truncated: {} bytes", bytes.size());
  const auto u16 = [&](size_t i) {
    return static_cast<uint8_t>(bytes[i]) | static_cast<uint8_t>(bytes[i + 1]) << 8;
  };
  return check_size(u16(6), u16(8), max_pixels);
}

Result<ImagePtr> to_srgb(ImagePtr image) {
  const VipsInterpretation space = vips_image_get_interpretation(image.get());
  if (space != VIPS_INTERPRETATION_LAB && space != VIPS_INTERPRETATION_LABS) return image;
  VipsImage* converted = nullptr;
  if (vips_colourspace(image.get(), &converted, VIPS_INTERPRETATION_sRGB, nullptr)) {
    return std::unexpected(vips_status("colours cannot be converted"));
  }
  return ImagePtr(converted);
}

Result<PixelLayout> layout_of(VipsImage* image) {
  const int bands = vips_image_get_bands(image);
  if (vips_image_get_interpretation(image) == VIPS_INTERPRETATION_CMYK && bands == 4) {
    return PixelLayout::kCmyk;
  }
  if (bands < 1 || bands > 4) {
    return unsupported("{} channels per pixel; convert the picture to RGB first", bands);
  }
  return static_cast<PixelLayout>(bands);
}

}  // namespace

Result<RawImage> decode_vips(std::string_view bytes, ImageFormat format, int64_t max_pixels) {
  if (!start_vips()) return std::unexpected(vips_status("libvips does not start"));
  if (format == ImageFormat::kGif) GLMV_RETURN_IF_ERROR(check_gif_header(bytes, max_pixels));
  GLMV_ASSIGN(ImagePtr image, open(bytes, format));
  GLMV_RETURN_IF_ERROR(check_size(vips_image_get_width(image.get()),
                                  vips_image_get_height(image.get()), max_pixels));
  GLMV_ASSIGN(image, to_srgb(std::move(image)));
  const VipsBandFormat band_format = vips_image_get_format(image.get());
  if (band_format != VIPS_FORMAT_UCHAR && band_format != VIPS_FORMAT_USHORT) {
    return unsupported("pixels of type {}; convert the picture to 8 or 16 bits per channel",
                       vips_enum_nick(VIPS_TYPE_BAND_FORMAT, band_format));
  }
  RawImage raw;
  raw.width = vips_image_get_width(image.get());
  raw.height = vips_image_get_height(image.get());
  GLMV_ASSIGN(raw.layout, layout_of(image.get()));
  // AVIF files are turned while they are loaded.
  if (format != ImageFormat::kAvif) raw.orientation = vips_image_get_orientation(image.get());

  size_t size = 0;
  std::unique_ptr<void, void (*)(void*)> memory(vips_image_write_to_memory(image.get(), &size),
                                                g_free);
  if (!memory) return std::unexpected(vips_status("truncated or damaged"));
  const size_t num_values = static_cast<size_t>(raw.width) * raw.height * num_channels(raw.layout);
  if (band_format == VIPS_FORMAT_UCHAR) {
    const auto* values = static_cast<const uint8_t*>(memory.get());
    raw.data.assign(values, values + num_values);
  } else {
    const auto* values = static_cast<const uint16_t*>(memory.get());
    raw.data.resize(num_values);
    for (size_t i = 0; i < num_values; ++i) raw.data[i] = static_cast<uint8_t>(values[i] >> 8);
  }
  return raw;
}

}  // namespace glmv::media
