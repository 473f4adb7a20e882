#pragma once
// The workers of tensor operations. They belong to the thread that calls the operations.

#include <vector>

namespace glmv::tensor {

// How many workers the operations of the calling thread use, itself among them, and where these
// run: one on each of `cpus` where there are enough (base/cpus.h); without `cpus` wherever the
// system puts them, but on their NUMA node where the machine has several, so that weights packed by
// a worker lie near the one that multiplies by them. num_threads 0: as many as `cpus`, or the
// default.
void use_threads(int num_threads, const std::vector<int>& cpus);

}  // namespace glmv::tensor
