// glmv_preprocess OUT_DIR LONGEST_EDGE REPEAT PICTURE...: for picture i writes OUT_DIR/i.rgb
// (decoded), i.u8 (resized) and i.f32 (pixel_values) and prints one line of JSON with sizes and the
// median times over REPEAT runs: of decoding alone, and of all from the file to the patches. Used
// by tools/parity/processing.py.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/media/resize.h"
#include "glmv/media/source.h"
#include "glmv/processing/image_processor.h"

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

template <class Values>
std::string_view as_bytes(const Values& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])};
}

glmv::Result<void> preprocess(const std::string& out, const glmv::processing::MediaConfig& config,
                              int repeat, const std::string& path) {
  std::vector<double> decode_ms, total_ms;
  glmv::media::DecodedImage decoded;
  glmv::processing::Medium medium;
  glmv::processing::FrameSize size;
  for (int i = 0; i < repeat; ++i) {
    decoded = {};
    medium = {};
    const auto start = Clock::now();
    GLMV_ASSIGN(decoded, glmv::media::load_image(path));
    decode_ms.push_back(ms_since(start));
    decoded = {};
    const auto again = Clock::now();
    {
      glmv::processing::PictureReader reader(config, 0);
      GLMV_ASSIGN(decoded, glmv::media::load_image(path, {}, {.reader = &reader}));
      GLMV_ASSIGN(medium, reader.finish(decoded.image));
    }
    total_ms.push_back(ms_since(again));
  }
  size = {medium.grid.h * config.patch_size, medium.grid.w * config.patch_size};
  if (out != "-") {
    const auto resized = glmv::media::resize_bicubic(decoded.image, static_cast<int>(size.width),
                                                     static_cast<int>(size.height));
    GLMV_RETURN_IF_ERROR(glmv::write_file_atomic(out + ".rgb", as_bytes(decoded.image.data)));
    GLMV_RETURN_IF_ERROR(glmv::write_file_atomic(out + ".u8", as_bytes(resized.data)));
    GLMV_RETURN_IF_ERROR(glmv::write_file_atomic(out + ".f32", as_bytes(medium.patches)));
  }
  std::printf(
      "{\"width\": %d, \"height\": %d, \"grid\": [%d, %d, %d], \"decode_ms\": %.3f,"
      " \"total_ms\": %.3f}\n",
      decoded.image.width, decoded.image.height, static_cast<int>(medium.grid.t),
      static_cast<int>(medium.grid.h), static_cast<int>(medium.grid.w), median(decode_ms),
      median(total_ms));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: glmv_preprocess OUT_DIR|- LONGEST_EDGE REPEAT PICTURE...\n");
    return 2;
  }
  glmv::processing::MediaConfig config;
  config.max_pixels = std::atoll(argv[2]);
  const int repeat = std::max(1, std::atoi(argv[3]));
  for (int i = 4; i < argc; ++i) {
    const std::string out =
        std::string(argv[1]) == "-" ? "-" : fmt::format("{}/{}", argv[1], i - 4);
    if (const auto done = preprocess(out, config, repeat, argv[i]); !done) {
      std::printf("{\"error\": true}\n");
      std::fprintf(stderr, "%s\n", done.error().message.c_str());
    }
  }
  return 0;
}
