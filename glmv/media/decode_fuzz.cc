// libFuzzer target: any bytes give a picture or an error, within the limits.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/media/decode.h"

// The AVIF decoder loses a few bytes of its own on damaged files.
extern "C" const char* __lsan_default_suppressions() { return "leak:libdav1d\nleak:libheif\n"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  glmv::media::DecodeOptions options;
  options.max_pixels = 1 << 20;
  const auto decoded =
      glmv::media::decode_image({reinterpret_cast<const char*>(data), size}, "fuzz", options);
  if (!decoded) {
    GLMV_CHECK(!decoded.error().message.empty());
    return 0;
  }
  const auto& image = decoded->image;
  GLMV_CHECK(image.width > 0 && image.height > 0);
  GLMV_CHECK(static_cast<int64_t>(image.width) * image.height <= options.max_pixels);
  GLMV_CHECK(image.data.size() == static_cast<size_t>(image.width) * image.height * 3);
  return 0;
}
