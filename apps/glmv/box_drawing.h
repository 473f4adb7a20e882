#pragma once

#include <string>
#include <vector>

#include "glmv/api/chat_types.h"

namespace glmv::app {

// Draws the boxes of a reply on the picture they refer to (`pictures`: in prompt order) and writes
// a PNG of the same size.
Result<void> save_boxes(const api::ChatReply& reply, const std::vector<text::ContentPart>& pictures,
                        const std::string& path);
// The same with the sources of pictures.
Result<void> save_boxes(const api::ChatReply& reply, const std::vector<std::string>& images,
                        const std::string& path);

}  // namespace glmv::app
