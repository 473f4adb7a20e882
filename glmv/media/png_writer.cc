#include "glmv/media/png_writer.h"

#include <png.h>

#include "glmv/base/check.h"
#include "glmv/base/files.h"

namespace glmv::media {
namespace {

constexpr size_t kBehindHeader = 8 + 25;  // signature and IHDR

Result<std::string> encode(int width, int height, png_uint_32 format, const uint8_t* pixels) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = width;
  header.height = height;
  header.format = format;
  std::string out(PNG_IMAGE_PNG_SIZE_MAX(header), '\0');
  png_alloc_size_t size = out.size();
  if (!png_image_write_to_memory(&header, out.data(), &size, 0, pixels, 0, nullptr)) {
    return internal_error("PNG of {} x {} pixels cannot be written: {}", width, height,
                          header.message);
  }
  out.resize(size);
  return out;
}

// Of a chunk's kind and content, as PNG has it.
uint32_t crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

void put_be32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
}

}  // namespace

Result<std::string> encode_png(const Image& image) {
  GLMV_CHECK(image.data.size() == static_cast<size_t>(image.width) * image.height * 3);
  return encode(image.width, image.height, PNG_FORMAT_RGB, image.data.data());
}

Result<std::string> encode_png(const GreyImage& image) {
  GLMV_CHECK(image.data.size() == static_cast<size_t>(image.width) * image.height);
  return encode(image.width, image.height, PNG_FORMAT_GRAY, image.data.data());
}

std::string with_png_text(std::string png, std::string_view keyword, std::string_view text) {
  GLMV_CHECK(png.size() > kBehindHeader && !keyword.empty() && keyword.size() < 80);
  // Keyword, then: not compressed, no language, no translation.
  std::string content = "iTXt" + std::string(keyword) + std::string(5, '\0') + std::string(text);
  std::string chunk;
  put_be32(chunk, static_cast<uint32_t>(content.size() - 4));
  chunk += content;
  put_be32(chunk, crc32(content));
  png.insert(kBehindHeader, chunk);
  return png;
}

Result<void> write_png(const std::filesystem::path& path, const Image& image) {
  GLMV_ASSIGN(const std::string bytes, encode_png(image));
  return write_file_atomic(path, bytes);
}

}  // namespace glmv::media
