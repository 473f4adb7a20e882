#pragma once
// The CPUs of this machine: which of them a thread may run on, and which share a memory (a NUMA
// node). Linux only; elsewhere lists are empty and nothing is bound.

#include <filesystem>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv {

// Numbers of CPUs, ascending, each once.
using CpuList = std::vector<int>;

// "0-3,8" as in `taskset -c`. invalid_argument where the text is no such list or is empty.
Result<CpuList> parse_cpu_list(std::string_view text);

// Those that the calling thread may run on.
CpuList allowed_cpus();

// Keeps the calling thread, and the threads that it starts from then on, to `cpus`.
// invalid_argument names those that this process may not use.
Result<void> bind_thread(const CpuList& cpus);

// The CPUs of every NUMA node that has some of `among`, cut down to these. One list of all where
// the system names no nodes.
std::vector<CpuList> numa_nodes(const CpuList& among,
                                const std::filesystem::path& system = "/sys/devices/system/node");

// Where each of `num_threads` workers is to stay so that what it touches first lies near it: a list
// of CPUs a worker, or nothing where binding would gain nothing. `chosen`: CPUs that the user
// named, one worker each where there are enough; empty: those of `nodes`, every node taking an even
// share of neighbouring workers.
std::vector<CpuList> place_workers(int num_threads, const CpuList& chosen,
                                   const std::vector<CpuList>& nodes);

}  // namespace glmv
