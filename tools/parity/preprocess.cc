// glmv_preprocess OUT_DIR LONGEST_EDGE REPEAT PICTURE...: for picture i writes OUT_DIR/i.rgb
// (decoded), i.u8 (resized) and i.f32 (pixel_values) and prints one line of JSON with sizes and the
// median times over REPEAT runs. Used by tools/parity/processing.py.

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

template <class T>
std::string_view as_bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

glmv::Result<void> preprocess(const std::string& out, const glmv::processing::MediaConfig& config,
                              int repeat, const std::string& path) {
  std::vector<double> decode_ms, prepare_ms;
  glmv::media::DecodedImage decoded;
  glmv::processing::Medium medium;
  glmv::processing::FrameSize size;
  for (int i = 0; i < repeat; ++i) {
    const auto start = Clock::now();
    GLMV_ASSIGN(decoded, glmv::media::load_image(path));
    decode_ms.push_back(ms_since(start));
    const auto decoded_at = Clock::now();
    medium = {};
    GLMV_ASSIGN(auto builder, glmv::processing::PatchBuilder::create(
                                  config, glmv::processing::MediaKind::kImage, 1,
                                  decoded.image.width, decoded.image.height));
    GLMV_RETURN_IF_ERROR(builder.add(decoded.image));
    size = builder.size();
    medium = std::move(builder).finish();
    prepare_ms.push_back(ms_since(decoded_at));
  }
  if (out != "-") {
    const auto resized = glmv::media::resize_bicubic(
        decoded.image, static_cast<int>(size.width), static_cast<int>(size.height));
    GLMV_RETURN_IF_ERROR(glmv::write_file_atomic(out + ".rgb", as_bytes(decoded.image.data)));
    GLMV_RETURN_IF_ERROR(glmv::write_file_atomic(out + ".u8", as_bytes(resized.data)));
    GLMV_RETURN_IF_ERROR(glmv::write_file_atomic(out + ".f32", as_bytes(medium.patches)));
  }
  std::printf("{\"width\": %d, \"height\": %d, \"grid\": [%d, %d, %d], \"decode_ms\": %.3f,"
              " \"prepare_ms\": %.3f}\n",
              decoded.image.width, decoded.image.height, static_cast<int>(medium.grid.t),
              static_cast<int>(medium.grid.h), static_cast<int>(medium.grid.w), median(decode_ms),
              median(prepare_ms));
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
