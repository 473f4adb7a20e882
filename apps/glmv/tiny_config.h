#pragma once
// Configs of small random checkpoints, one per family, in Hugging Face's current layout.

#include <string>

#include "glmv/base/json.h"
#include "glmv/text/tokenizer.h"

namespace glmv::app {

// `preset`: "tiny" (all architectures, a fraction of a million parameters), "nano" (the embedded
// model's shape) or "9b" (GLM-4.1V-9B's); the latter glm4v only. `num_layers` of the decoder; 0:
// the preset's. Token ids are taken from `tokenizer` by name. Errors list the known families and
// presets.
Result<Json> small_config(const std::string& family, const std::string& preset, int64_t num_layers,
                          const text::Tokenizer& tokenizer);

Json small_generation_config(const text::Tokenizer& tokenizer);
// preprocessor_config.json; `video` true: video_preprocessor_config.json.
Json small_processor_config(const std::string& family, const std::string& preset, bool video);

}  // namespace glmv::app
