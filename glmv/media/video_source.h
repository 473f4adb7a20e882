#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "glmv/base/fd.h"
#include "glmv/base/result.h"
#include "glmv/base/sha256.h"

namespace glmv::media {

struct VideoSource {
  std::shared_ptr<const Fd> file;
  std::string name;  // for messages
};

// `source`: a path, file:// URL or data: URL with base64, whose bytes then lie in memory. Errors:
// not_found, invalid_argument (no regular file, no base64), resource_exhausted, unsupported (other
// URLs).
Result<VideoSource> open_video_source(std::string_view source);

// Bytes as a file without a name.
Result<std::shared_ptr<const Fd>> file_of_bytes(std::string_view bytes);

// SHA-256 of the bytes of a file, wherever its position is.
Result<Digest> digest_of(const Fd& file);

// The same file at a position of its own, to be read only.
Result<std::shared_ptr<const Fd>> reopen(const Fd& file);

}  // namespace glmv::media
