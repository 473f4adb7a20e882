// libFuzzer target: any bytes are no video, or give a part of it within the limit.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/media/video_cut.h"
#include "glmv/media/video_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv::media;
  const auto file = file_of_bytes({reinterpret_cast<const char*>(data), size});
  GLMV_CHECK(file);
  constexpr uint64_t kMaxBytes = 1 << 20;
  const auto part =
      cut_video(*file, {.begin_s = 0.5, .end_s = 2, .max_bytes = kMaxBytes},
                [](uint64_t offset, std::string_view bytes) {
                  GLMV_CHECK(offset <= kMaxBytes && bytes.size() <= kMaxBytes - offset);
                  return true;
                });
  GLMV_CHECK(part || !part.error().message.empty());
  return 0;
}
