#pragma once
// Who decodes pictures that nobody vouches for: this process or a limited child of it.

#include <cstdint>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/media/image.h"

namespace glmv::media {

// Thread-safe.
class PictureDecoder {
 public:
  virtual ~PictureDecoder() = default;

  // JPEG, PNG, WebP, GIF (its first frame) and BMP; the same pixels as decode_image. max_pixels is
  // checked on the header. Errors: resource_exhausted (pixels, memory), invalid_argument and
  // unsupported (not such a picture, damaged), unavailable (the decoder crashed or took too long),
  // internal (it cannot be started). Messages may hold text of libraries: they are not for clients.
  virtual Result<Image> decode(std::string_view bytes, int64_t max_pixels) = 0;
};

class InlineDecoder final : public PictureDecoder {
 public:
  Result<Image> decode(std::string_view bytes, int64_t max_pixels) override;
};

}  // namespace glmv::media
