#pragma once
// Work of unknown cost on a peer's input, tried in a child process first: endless loops, memory and
// crashes end there.

#include <functional>

#include "glmv/base/result.h"

namespace glmv::runtime {

struct ChildLimits {
  int cpu_seconds = 5;
  int wall_seconds = 30;                    // for a machine that is busy with other things
  int64_t memory_bytes = int64_t{2} << 30;  // beyond what this process has mapped
};

// Runs `work` in a fork of this process; what it changes in memory is lost. `work` must start no
// thread and take no lock that another thread may hold. Its error passes through;
// resource_exhausted when a limit was reached, internal when the child crashed or none could be
// started.
Result<void> run_in_child(const std::function<Result<void>()>& work, const ChildLimits& limits);

}  // namespace glmv::runtime
