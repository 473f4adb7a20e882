#pragma once

#include <string>
#include <vector>

#include "glmv/api/chat_types.h"
#include "glmv/media/picture_decoder.h"

namespace glmv::app {

// The picture that the boxes refer to, with them drawn on it, as a PNG file. `pictures`: all of the
// prompt, in order; `decoder` as media::load_image() has it.
Result<void> save_boxes(const api::ChatReply& reply, const std::vector<text::ContentPart>& pictures,
                        media::PictureDecoder* decoder, const std::string& path);

}  // namespace glmv::app
