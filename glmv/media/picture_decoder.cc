#include "glmv/media/picture_decoder.h"

#include "glmv/media/source.h"

namespace glmv::media {

Result<DecodedImage> PictureDecoder::decode_file(std::string_view bytes, std::string_view name,
                                                 const Wanted& /*wanted*/) {
  return decode_image(bytes, name);
}

Result<DecodedImage> load_image(std::string_view source, PictureDecoder* decoder,
                                const Wanted& wanted) {
  if (decoder == nullptr) return load_image(source);
  GLMV_ASSIGN(const SourceBytes loaded, load_source(source));
  return decoder->decode_file(loaded.bytes, loaded.name, wanted);
}

Result<Image> InlineDecoder::decode(std::string_view bytes, int64_t max_pixels) {
  DecodeOptions options;
  options.max_bytes = bytes.size();
  options.max_pixels = max_pixels;
  options.web_formats_only = true;
  GLMV_ASSIGN(DecodedImage decoded, decode_image(bytes, "of a request", options));
  return std::move(decoded.image);
}

}  // namespace glmv::media
