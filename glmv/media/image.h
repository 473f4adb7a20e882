#pragma once

#include <cstdint>
#include <vector>

namespace glmv::media {

// 8-bit RGB picture, rows top to bottom, pixels interleaved: data[(y * width + x) * 3 + channel].
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> data;

  uint8_t* pixel(int x, int y) { return data.data() + (static_cast<size_t>(y) * width + x) * 3; }
  const uint8_t* pixel(int x, int y) const {
    return data.data() + (static_cast<size_t>(y) * width + x) * 3;
  }
};

}  // namespace glmv::media
