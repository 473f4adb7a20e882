#include "glmv/media/png_writer.h"

#include <png.h>

#include "glmv/base/check.h"
#include "glmv/base/files.h"

namespace glmv::media {

Result<std::string> encode_png(const Image& image) {
  GLMV_CHECK(image.data.size() == static_cast<size_t>(image.width) * image.height * 3);
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = image.width;
  header.height = image.height;
  header.format = PNG_FORMAT_RGB;
  std::string out(PNG_IMAGE_PNG_SIZE_MAX(header), '\0');
  png_alloc_size_t size = out.size();
  if (!png_image_write_to_memory(&header, out.data(), &size, 0, image.data.data(), 0, nullptr)) {
    return internal_error("PNG of {} x {} pixels cannot be written: {}", image.width, image.height,
                          header.message);
  }
  out.resize(size);
  return out;
}

Result<void> write_png(const std::filesystem::path& path, const Image& image) {
  GLMV_ASSIGN(const std::string bytes, encode_png(image));
  return write_file_atomic(path, bytes);
}

}  // namespace glmv::media
