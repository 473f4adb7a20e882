#pragma once
// A decoded picture that is handed on between folders that know nothing of pictures.

#include <cstdint>
#include <memory>

namespace glmv {

// 8-bit RGB, rows top to bottom, pixels interleaved: width * height * 3 bytes.
struct RgbPixels {
  int width = 0;
  int height = 0;
  std::shared_ptr<const uint8_t> data;
};

}  // namespace glmv
