#pragma once
// Pictures and videos of a message as parts of OpenAI's form, their bytes inside.

#include <vector>

#include "glmv/api/chat_client.h"

namespace glmv::api {

// Sizes of the pictures of a request as its boxes need them; 0 x 0 where the server fetches one.
struct WireMedia {
  media::PictureDecoder* decoder = nullptr;       // who looks at them; null: this process
  std::vector<std::vector<int64_t>> image_sizes;  // [width, height], in order
  int64_t video_width = 0, video_height = 0;      // of the last video, where it is known
};

// `where`: of the part, for errors. Errors: of the source and its decoder; unsupported (what this
// kind of server does not take); resource_exhausted (more than `max_bytes`).
Result<Json> wire_media(const text::ContentPart& part, ServerKind kind, size_t max_bytes,
                        const std::string& where, WireMedia& media);

}  // namespace glmv::api
