#include "glmv/tensor/threads.h"

#include <ATen/Parallel.h>

#include "glmv/base/cpus.h"

namespace glmv::tensor {

void use_threads(int num_threads, const std::vector<int>& cpus) {
  if (num_threads == 0) num_threads = static_cast<int>(cpus.size());
  if (num_threads > 0) at::set_num_threads(num_threads);
  const std::vector<CpuList> places =
      place_workers(at::get_num_threads(), cpus, numa_nodes(allowed_cpus()));
  // One index a worker. Where the system refuses a place the worker only runs elsewhere.
  at::parallel_for(0, static_cast<int64_t>(places.size()), 1,
                   [&](int64_t begin, int64_t) { std::ignore = bind_thread(places[begin]); });
}

}  // namespace glmv::tensor
