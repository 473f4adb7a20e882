#pragma once
// Limits that a process puts on itself before it reads what nobody vouches for. None of them can be
// taken back.

#include <cstddef>

#include "glmv/base/result.h"

namespace glmv {

struct SandboxLimits {
  size_t max_memory_bytes = size_t{1} << 30;  // beside what is mapped already
};

// From now on the process, all its threads: opens no file, makes no socket, starts no program,
// writes no core, gets no more memory than that. Open files stay usable. Errors: unsupported when
// the kernel has no system call filter; the other limits hold then.
Result<void> enter_sandbox(const SandboxLimits& limits);

// The kernel kills the process when it computes or waits for longer than that; 0 ends the limit of
// time that passes. Each call begins anew.
void limit_time(double cpu_seconds, double wall_seconds);

}  // namespace glmv
