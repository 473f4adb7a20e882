#pragma once
// How a model takes videos, told from one program to another.

#include <string>

#include "glmv/base/json.h"
#include "glmv/processing/processor_config.h"

namespace glmv::processing {

// The rule of GLM-4.1V and GLM-4.5V.
ProcessorConfig usual_video_rule();

// Sampling and sizes of `config`, in the form of video_preprocessor_config.json, and a config that
// has them. `where` names it in errors, which are those of parse_media_config(); unsupported: not a
// class of video processors that glmv knows.
Json video_rule_json(const ProcessorConfig& config);
Result<ProcessorConfig> read_video_rule(const Json& rule, const std::string& where);

}  // namespace glmv::processing
