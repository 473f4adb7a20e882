// libFuzzer target: any bytes are no video, or give the frames that are asked for.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/media/video_reader.h"
#include "glmv/media/video_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv::media;
  const auto file = file_of_bytes({reinterpret_cast<const char*>(data), size});
  GLMV_CHECK(file);
  InlineVideoOpener opener(
      {.max_pixels = 1 << 20, .max_frames = 10'000, .max_seconds = 5, .num_threads = 1});
  const auto reader = opener.open(*file);
  if (!reader) {
    GLMV_CHECK(!reader.error().message.empty());
    return 0;
  }
  const VideoFileInfo& info = (*reader)->info();
  GLMV_CHECK(info.num_frames > 0 && info.fps > 0 && info.width > 0 && info.height > 0);
  const int64_t indices[] = {0, info.num_frames / 2, info.num_frames - 1};
  size_t num = 0;
  const auto read = (*reader)->read(indices, 28, 28, [&](int64_t index, const Image& frame) {
    GLMV_CHECK(index == indices[num++]);
    GLMV_CHECK(frame.width == 28 && frame.height == 28 && frame.data.size() == 28 * 28 * 3);
    return true;
  });
  GLMV_CHECK(!read || num == 3);
  return 0;
}
