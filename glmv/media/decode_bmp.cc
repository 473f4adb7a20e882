// Windows bitmaps: palettes of 1, 4 and 8 bits, 16, 24 and 32 bits with or without masks, RLE4 and
// RLE8, bottom-up and top-down. libvips has no trusted loader for them.
// Source: Microsoft's BITMAPINFOHEADER and BITMAPV5HEADER documentation.

#include <algorithm>
#include <array>
#include <bit>

#include "glmv/media/codecs.h"

namespace glmv::media {
namespace {

enum Compression : uint32_t { kRgb = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3, kAlphaFields = 6 };

struct Header {
  int64_t width = 0;
  int64_t height = 0;
  bool top_down = false;
  uint32_t bits = 0;
  uint32_t compression = kRgb;
  std::array<uint32_t, 4> masks{};  // R, G, B, A
  std::vector<std::array<uint8_t, 3>> palette;
  size_t pixels_begin = 0;
};

uint32_t read_le(std::string_view bytes, size_t pos, int num_bytes) {
  uint32_t value = 0;
  for (int i = 0; i < num_bytes; ++i) {
    if (pos + i < bytes.size()) value |= uint32_t{static_cast<uint8_t>(bytes[pos + i])} << (8 * i);
  }
  return value;
}

Result<void> read_palette(std::string_view bytes, size_t begin, size_t entry_bytes,
                          uint32_t num_colours, Header& header) {
  const uint32_t most = 1u << header.bits;
  const uint32_t count = num_colours == 0 ? most : std::min(num_colours, most);
  if (begin + count * entry_bytes > bytes.size()) return invalid_argument("truncated palette");
  header.palette.resize(most);
  for (uint32_t i = 0; i < count; ++i) {
    for (int c = 0; c < 3; ++c) {
      header.palette[i][c] = static_cast<uint8_t>(bytes[begin + i * entry_bytes + 2 - c]);
    }
  }
  return {};
}

Result<Header> read_header(std::string_view bytes) {
  constexpr size_t kFileHeader = 14;
  if (bytes.size() < kFileHeader + 12) return invalid_argument("truncated header");
  Header header;
  header.pixels_begin = read_le(bytes, 10, 4);
  const uint32_t size = read_le(bytes, kFileHeader, 4);
  const bool core = size == 12;
  if (!core && (size < 40 || size > 124)) {
    return unsupported("bitmap header of {} bytes", size);
  }
  if (bytes.size() < kFileHeader + size) return invalid_argument("truncated header");
  uint32_t num_colours = 0;
  size_t palette_begin = kFileHeader + size;
  if (core) {
    header.width = read_le(bytes, 18, 2);
    header.height = read_le(bytes, 20, 2);
    header.bits = read_le(bytes, 24, 2);
  } else {
    header.width = static_cast<int32_t>(read_le(bytes, 18, 4));
    const int64_t height = static_cast<int32_t>(read_le(bytes, 22, 4));
    header.top_down = height < 0;
    header.height = height < 0 ? -height : height;
    header.bits = read_le(bytes, 28, 2);
    header.compression = read_le(bytes, 30, 4);
    num_colours = read_le(bytes, 46, 4);
  }

  if (header.compression == kBitFields || header.compression == kAlphaFields) {
    if (header.bits != 16 && header.bits != 32)
      return invalid_argument("masks with {} bits", header.bits);
    // A 40-byte header is followed by the masks; later headers contain them.
    const int num_masks = size >= 56 || header.compression == kAlphaFields ? 4 : 3;
    for (int i = 0; i < num_masks; ++i) header.masks[i] = read_le(bytes, 54 + 4 * i, 4);
  } else if (header.bits == 16) {
    header.masks = {0x7c00, 0x03e0, 0x001f, 0};
  } else if (header.bits == 32) {
    header.masks = {0xff0000, 0x00ff00, 0x0000ff, 0};
  }
  if (header.bits <= 8) {
    if (header.bits != 1 && header.bits != 4 && header.bits != 8) {
      return invalid_argument("{} bits per pixel", header.bits);
    }
    GLMV_RETURN_IF_ERROR(read_palette(bytes, palette_begin, core ? 3 : 4, num_colours, header));
  } else if (header.bits != 16 && header.bits != 24 && header.bits != 32) {
    return invalid_argument("{} bits per pixel", header.bits);
  }
  const bool known = header.compression == kRgb || header.compression == kBitFields ||
                     header.compression == kAlphaFields ||
                     (header.compression == kRle8 && header.bits == 8) ||
                     (header.compression == kRle4 && header.bits == 4);
  if (!known) {
    return unsupported("compression {} with {} bits per pixel", header.compression, header.bits);
  }
  return header;
}

// One colour value cut out by `mask`, scaled to 0..255.
uint8_t masked(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const uint64_t most = mask >> std::countr_zero(mask);
  const uint64_t value = (pixel & mask) >> std::countr_zero(mask);
  return static_cast<uint8_t>(value * 255 / most);
}

// Palette indices [height, width], in file order of rows.
Result<std::vector<uint8_t>> expand_rle(std::string_view data, const Header& header) {
  const size_t width = header.width, height = header.height;
  std::vector<uint8_t> indices(width * height, 0);
  size_t x = 0, y = 0, pos = 0;
  const auto put = [&](uint32_t index) {
    if (x < width && y < height) indices[y * width + x] = static_cast<uint8_t>(index);
    ++x;
  };
  while (y < height) {
    if (pos + 2 > data.size()) return invalid_argument("truncated");
    const uint32_t count = static_cast<uint8_t>(data[pos]);
    const uint32_t value = static_cast<uint8_t>(data[pos + 1]);
    pos += 2;
    if (count > 0) {
      for (uint32_t i = 0; i < count; ++i) {
        put(header.bits == 8 ? value : i % 2 == 0 ? value >> 4 : value & 15);
      }
    } else if (value == 0) {
      x = 0;
      ++y;
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      if (pos + 2 > data.size()) return invalid_argument("truncated");
      x += static_cast<uint8_t>(data[pos]);
      y += static_cast<uint8_t>(data[pos + 1]);
      pos += 2;
    } else {
      const size_t num_bytes = header.bits == 8 ? value : (value + 1) / 2;
      if (pos + num_bytes > data.size()) return invalid_argument("truncated");
      for (uint32_t i = 0; i < value; ++i) {
        const uint32_t byte = static_cast<uint8_t>(data[pos + (header.bits == 8 ? i : i / 2)]);
        put(header.bits == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
      }
      pos += num_bytes + num_bytes % 2;
    }
  }
  return indices;
}

void write_row(std::string_view row, const Header& header, uint8_t* out) {
  const bool alpha = header.masks[3] != 0;
  for (int64_t x = 0; x < header.width; ++x) {
    if (header.bits <= 8) {
      const size_t bit = static_cast<size_t>(x) * header.bits;
      const uint32_t byte = static_cast<uint8_t>(row[bit / 8]);
      const uint32_t index = byte >> (8 - header.bits - bit % 8) & ((1u << header.bits) - 1);
      out = std::copy(header.palette[index].begin(), header.palette[index].end(), out);
    } else if (header.bits == 24) {
      for (int c = 0; c < 3; ++c) *out++ = static_cast<uint8_t>(row[3 * x + 2 - c]);
    } else {
      const uint32_t pixel = read_le(row, x * (header.bits / 8), header.bits / 8);
      for (int c = 0; c < (alpha ? 4 : 3); ++c) *out++ = masked(pixel, header.masks[c]);
    }
  }
}

}  // namespace

Result<RawImage> decode_bmp(std::string_view bytes, int64_t max_pixels) {
  GLMV_ASSIGN(Header header, read_header(bytes));
  GLMV_RETURN_IF_ERROR(check_size(header.width, header.height, max_pixels));
  if (header.pixels_begin > bytes.size()) return invalid_argument("truncated");
  const std::string_view data = bytes.substr(header.pixels_begin);
  const bool rle = header.compression == kRle8 || header.compression == kRle4;
  const size_t stride = (static_cast<size_t>(header.width) * header.bits + 31) / 32 * 4;
  const size_t last_row = (static_cast<size_t>(header.width) * header.bits + 7) / 8;
  if (!rle && data.size() < stride * (header.height - 1) + last_row) {
    return invalid_argument("truncated: {} bytes of pixels, expected {}", data.size(),
                            stride * header.height);
  }

  RawImage raw;
  raw.width = static_cast<int>(header.width);
  raw.height = static_cast<int>(header.height);
  raw.layout = header.masks[3] != 0 ? PixelLayout::kRgba : PixelLayout::kRgb;
  const size_t row_bytes = static_cast<size_t>(header.width) * num_channels(raw.layout);
  raw.data.resize(row_bytes * header.height);
  std::vector<uint8_t> indices;
  if (rle) {
    GLMV_ASSIGN(indices, expand_rle(data, header));
  }
  for (int64_t y = 0; y < header.height; ++y) {
    uint8_t* out = raw.data.data() + row_bytes * (header.top_down ? y : header.height - 1 - y);
    if (rle) {
      for (int64_t x = 0; x < header.width; ++x) {
        const auto& colour = header.palette[indices[y * header.width + x]];
        out = std::copy(colour.begin(), colour.end(), out);
      }
    } else {
      write_row(data.substr(stride * y, last_row), header, out);
    }
  }
  return raw;
}

}  // namespace glmv::media
