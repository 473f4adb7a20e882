#pragma once
// The loss curve of a run as a picture.

#include <filesystem>
#include <span>

#include "glmv/base/json.h"
#include "glmv/base/result.h"

namespace glmv::train {

// Draws loss (raw and smoothed) and eval_loss where there is any, over the steps of trainer_log
// entries, into a PNG. Nothing is drawn for fewer than two points of loss.
Result<void> draw_loss_plot(std::span<const Json> entries, const std::filesystem::path& path);

}  // namespace glmv::train
