#pragma once
// The filter of system calls under which run_limited() runs programs.

#include <vector>

#include "glmv/base/call_filter.h"

namespace glmv {

// Refuses what reaches other processes, the network or the kernel's rarer parts, and new processes.
// With local_sockets, sockets of this machine may be made, and seem to be bound and listened at,
// which does nothing: for programs that want one to be found by.
std::vector<sock_filter> program_filter(bool local_sockets);

}  // namespace glmv
