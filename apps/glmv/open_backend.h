#pragma once
// Who answers for the commands that only ask: the one place where that is decided.

#include <memory>

#include "apps/glmv/chat_options.h"
#include "glmv/api/chat_backend.h"
#include "glmv/processing/processor_config.h"

namespace glmv::app {

Result<std::unique_ptr<api::ChatBackend>> open_backend(const ModelFlags& flags);

// How the model takes pictures and samples videos; nothing of its weights is read.
Result<processing::ProcessorConfig> media_rules(const ModelFlags& flags);

}  // namespace glmv::app
