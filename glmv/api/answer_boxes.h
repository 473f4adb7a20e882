#pragma once
// Boxes and points of an answer in the form of a reply.

#include <string_view>

#include "glmv/api/chat_types.h"

namespace glmv::api {

// Adds those of `marked_answer` (with its box markers), all of picture `image` (-1: none, or a
// video), which has width x height pixels (0: not known).
void fill_boxes(std::string_view marked_answer, int image, int64_t width, int64_t height,
                ChatReply& reply);

}  // namespace glmv::api
