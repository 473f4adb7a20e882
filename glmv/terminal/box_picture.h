#pragma once

#include <string>
#include <vector>

#include "glmv/api/chat_types.h"
#include "glmv/media/image.h"
#include "glmv/media/picture_decoder.h"

namespace glmv::terminal {

// The picture that the boxes of a reply refer to, with them drawn on it; points as small squares.
// `pictures`: those of the conversation, in order; `decoder` as load_image() has it. Boxes are read
// from the text of the answer where the reply has none (of a session, from a server), for the last
// picture. Errors: invalid_argument (no picture, no boxes), of reading the picture.
Result<media::Image> picture_with_boxes(const api::ChatReply& reply,
                                        const std::vector<text::ContentPart>& pictures,
                                        media::PictureDecoder* decoder = nullptr);

}  // namespace glmv::terminal
