#pragma once

#include <filesystem>
#include <fstream>

#include "glmv/media/png_writer.h"

namespace glmv::terminal {

// A plain picture of width x height.
inline media::Image plain_picture(int width, int height) {
  media::Image image;
  image.width = width;
  image.height = height;
  image.data.assign(static_cast<size_t>(width) * static_cast<size_t>(height) * 3, 200);
  return image;
}

inline void write_picture(const std::filesystem::path& path, int width = 40, int height = 30) {
  (void)media::write_png(path, plain_picture(width, height));
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace glmv::terminal
