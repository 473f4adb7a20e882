#pragma once
// One record of a dataset file in the form of GLM-V's README:
//   {"messages": [{"role": "user", "content": "<image>What is this?"},
//                 {"role": "assistant", "content": "<think>..</think><answer>..</answer>"}],
//    "images": ["a.jpg"], "videos": [["f0.jpg", "f1.jpg"]], "system": "..", "tools": [..],
//    "enable_thinking": false}
// Each "<image>" ("<video>") of a string content outside assistant turns stands for the next entry
// of `images` (`videos`). Contents may also be OpenAI's lists of parts.

#include "glmv/base/json.h"
#include "glmv/train/sample_source.h"

namespace glmv::train {

// The conversation with media parts in place, sources as the record spells them, nothing decoded.
// Errors name the field: an unknown key or role, no assistant turn, a last turn that is not the
// assistant's, counts of markers and media that differ.
Result<Sample> parse_record(const Json& record);

}  // namespace glmv::train
