#pragma once
// A reply as the one JSON object that `glmv ask --json` prints.

#include "glmv/api/chat_types.h"

namespace glmv::api {

// Keys, in this order: prompt_ids, image_grid_thw, image_sizes, output_ids, reasoning, answer,
// boxed, boxes, points (only when there are any), finish_reason, restated (only when true), usage,
// timings, and logprobs when the reply has any. A box: {"box": [x1,y1,x2,y2] in 0-1000, "pixels":
// [...], "image", "label", "flags": the true ones of reordered, clamped, degenerate}. All text is
// valid UTF-8 (ill-formed bytes replaced).
Json to_json(const ChatReply& reply);

Json to_json(const AnswerBox& box);
// {"point": [x,y] in 0-1000, "pixels": [x,y], "image", "label"}
Json to_json(const AnswerPoint& point);
// {"token", "token_id", "logprob", "top": [...]}; "top" only where there is one.
Json to_json(const LogprobEntry& entry);

}  // namespace glmv::api
