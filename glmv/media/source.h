#pragma once
// Bytes of a picture or document named in a message.

#include <cstddef>
#include <string>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/media/decode.h"

namespace glmv::media {

struct SourceOptions {
  size_t max_bytes = size_t{128} << 20;
  // Off: only data: URLs (for servers that must not read their own disk for a client).
  bool allow_files = true;
  std::string_view what = "picture";  // for messages
};

struct SourceBytes {
  std::string bytes;
  std::string name;  // for messages: the path, or "data: URL of image/png"
};

// `source` is a path, file:// URL or data: URL with base64. The size is checked before reading or
// decoding. Errors: not_found, resource_exhausted (limit), invalid_argument (bad URL, folder, no
// base64), unsupported (http:// and https://, other schemes).
Result<SourceBytes> load_source(std::string_view source, const SourceOptions& options = {});

// Sources come from users: shown in messages they must be short, printable UTF-8.
std::string short_name(std::string_view source);

// load_source and decode_image.
Result<DecodedImage> load_image(std::string_view source, const SourceOptions& source_options = {},
                                const DecodeOptions& decode_options = {});

}  // namespace glmv::media
