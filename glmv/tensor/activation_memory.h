#pragma once
// Memory of large tensors on the CPU. The C library returns blocks of more than 32 MB to the system
// when they are freed and gets new, zeroed pages for the next: a quarter of the time of a large
// picture. Here freed blocks are kept for the next tensor of about their size, in 2 MB pages.

#include <cstdint>

namespace glmv::tensor {

// Freed memory that is kept at most.
inline constexpr int64_t kKeptBytes = int64_t{1} << 30;

// From now on for all tensors of the process, once; before the first thread that makes tensors.
void keep_activation_memory();

// Gives back what is kept.
void release_activation_memory();

// Bytes kept at the moment.
int64_t kept_activation_bytes();

}  // namespace glmv::tensor
