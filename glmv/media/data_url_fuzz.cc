// libFuzzer target: any text is a data: URL whose parts lie inside it, or an error.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/media/base64.h"
#include "glmv/media/data_url.h"
#include "glmv/media/file_url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (media::has_prefix_ignoring_case(text, "file://")) {
    const auto path = media::file_url_path(text);
    GLMV_CHECK(!path || path->starts_with('/'));
    return 0;
  }
  const auto url = media::split_data_url(text);
  if (!url) return 0;
  size_t num_bytes = 0;
  const auto frames = url->frames();
  GLMV_CHECK(frames.size() == url->num_frames());
  for (const std::string_view frame : frames) {
    num_bytes += frame.size() + 1;
    const auto bytes = media::decode_strict_base64(frame);
    // One spelling: what was read is written again, but for bits behind the end.
    GLMV_CHECK(!bytes || media::encode_base64(*bytes).size() == frame.size());
  }
  GLMV_CHECK(num_bytes == url->payload.size() + 1);
  GLMV_CHECK(url->payload.data() + url->payload.size() == text.data() + text.size());
  return 0;
}
