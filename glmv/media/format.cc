#include "glmv/media/format.h"

#include <algorithm>
#include <cstdint>

namespace glmv::media {
namespace {

constexpr std::string_view kPngMagic("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view kTiffLittle("II*\0", 4);
constexpr std::string_view kTiffBig("MM\0*", 4);
constexpr std::string_view kBigTiffLittle("II+\0", 4);
constexpr std::string_view kBigTiffBig("MM\0+", 4);

// An ISO base media file whose major or compatible brands name AVIF.
bool is_avif(std::string_view bytes) {
  if (bytes.size() < 16 || bytes.substr(4, 4) != "ftyp") return false;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const size_t box_size = (size_t{byte(0)} << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3);
  const size_t end = std::min(bytes.size(), box_size);
  for (size_t pos = 8; pos + 4 <= end; pos += 4) {
    const std::string_view brand = bytes.substr(pos, 4);
    if (brand == "avif" || brand == "avis") return true;
  }
  return false;
}

}  // namespace

std::string_view format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
    case ImageFormat::kGif:
      return "GIF";
    case ImageFormat::kBmp:
      return "BMP";
    case ImageFormat::kTiff:
      return "TIFF";
    case ImageFormat::kAvif:
      return "AVIF";
  }
  return "unknown";
}

std::optional<ImageFormat> sniff_format(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (bytes.starts_with(kPngMagic)) return ImageFormat::kPng;
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP") {
    return ImageFormat::kWebp;
  }
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return ImageFormat::kGif;
  if (bytes.starts_with("BM")) return ImageFormat::kBmp;
  if (bytes.starts_with(kTiffLittle) || bytes.starts_with(kTiffBig) ||
      bytes.starts_with(kBigTiffLittle) || bytes.starts_with(kBigTiffBig)) {
    return ImageFormat::kTiff;
  }
  if (is_avif(bytes)) return ImageFormat::kAvif;
  return std::nullopt;
}

std::string_view describe_content(std::string_view bytes) {
  if (bytes.empty()) return "nothing (0 bytes)";
  if (bytes.starts_with("%PDF")) return "a PDF document";
  if (bytes.starts_with("PK\x03\x04")) return "a ZIP archive or an office document";
  if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp") return "a video or HEIC file";
  if (bytes.starts_with("\x1a\x45\xdf\xa3")) return "a Matroska or WebM video";
  const std::string_view head = bytes.substr(0, 512);
  if (head.find("<svg") != head.npos) return "an SVG drawing";
  if (head.find("<html") != head.npos || head.find("<!DOCTYPE") != head.npos) {
    return "an HTML page";
  }
  const bool printable = std::all_of(head.begin(), head.end(), [](unsigned char c) {
    return c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
  return printable ? "text" : "data of an unknown kind";
}

}  // namespace glmv::media
