#pragma once
// Fused gradients for training on a CPU: one pass over the rows where ATen's composition of small
// operations makes ten. tensor/ops.h calls them while they are installed.

namespace glmv::train {

// Idempotent, thread-safe; for the whole process.
void install_training_ops();

}  // namespace glmv::train
