#pragma once
// Memory of large tensors on the CPU: kept when they are freed (glmv/base/kept_memory.h).

namespace glmv::tensor {

// From now on for all tensors of the process, once; before the first thread that makes tensors.
void keep_activation_memory();

}  // namespace glmv::tensor
