#pragma once

#include <cstdint>
#include <vector>

#include "glmv/base/kept_memory.h"

namespace glmv::media {

// Not initialised by resize(): a decoder writes every byte.
using PixelBytes = std::vector<uint8_t, KeptAllocator<uint8_t>>;

// 8-bit RGB picture, rows top to bottom, pixels interleaved: data[(y * width + x) * 3 + channel].
struct Image {
  int width = 0;
  int height = 0;
  PixelBytes data;

  uint8_t* pixel(int x, int y) { return data.data() + (static_cast<size_t>(y) * width + x) * 3; }
  const uint8_t* pixel(int x, int y) const {
    return data.data() + (static_cast<size_t>(y) * width + x) * 3;
  }
};

// The pixels of a picture that somebody else holds.
struct ImageView {
  int width = 0;
  int height = 0;
  const uint8_t* data = nullptr;

  ImageView(int w, int h, const uint8_t* pixels) : width(w), height(h), data(pixels) {}
  ImageView(const Image& image) : ImageView(image.width, image.height, image.data.data()) {}

  const uint8_t* row(int y) const { return data + static_cast<size_t>(y) * width * 3; }
};

}  // namespace glmv::media
