#pragma once

#include <filesystem>

#include "glmv/base/result.h"
#include "glmv/model/vlm.h"

namespace glmv::app {

// Writes the weights of a model as safetensors in the dtype it holds. Returns the number of
// parameters.
Result<int64_t> save_weights(const model::Vlm& model, const std::filesystem::path& dir);

}  // namespace glmv::app
