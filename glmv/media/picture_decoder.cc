#include "glmv/media/picture_decoder.h"

#include "glmv/media/decode.h"

namespace glmv::media {

Result<Image> InlineDecoder::decode(std::string_view bytes, int64_t max_pixels) {
  DecodeOptions options;
  options.max_bytes = bytes.size();
  options.max_pixels = max_pixels;
  options.web_formats_only = true;
  GLMV_ASSIGN(DecodedImage decoded, decode_image(bytes, "of a request", options));
  return std::move(decoded.image);
}

}  // namespace glmv::media
