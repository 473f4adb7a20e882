#pragma once
// Who decodes pictures that nobody vouches for: this process or a limited child of it.

#include <cstdint>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/base/wanted.h"
#include "glmv/media/decode.h"
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

  // As decode_image() with its standard options: TIFF and AVIF too, its errors, which name `name`
  // and are for the person whose file it is. Errors: also unavailable, cancelled.
  virtual Result<DecodedImage> decode_file(std::string_view bytes, std::string_view name,
                                           const Wanted& wanted = {});
};

class InlineDecoder final : public PictureDecoder {
 public:
  Result<Image> decode(std::string_view bytes, int64_t max_pixels) override;
};

// load_source() and decode_file(); by null: in this process.
Result<DecodedImage> load_image(std::string_view source, PictureDecoder* decoder,
                                const Wanted& wanted = {});

}  // namespace glmv::media
