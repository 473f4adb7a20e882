#pragma once

#include <string>
#include <vector>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/cli_forward.h"

namespace glmv::app {

// The flags of GLM-V's own inference/trans_infer_cli.py, so that its command lines work: not shown
// in help. Whichever of two spellings comes last on the command line counts.
void add_upstream_spellings(CLI::App& command, ModelFlags& model, ChatFlags& chat,
                            std::vector<std::string>& images, std::vector<std::string>& videos);

}  // namespace glmv::app
