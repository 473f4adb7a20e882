#include "glmv/tensor/threads.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <thread>

#include "glmv/base/cpus.h"

namespace glmv::tensor {
namespace {

TEST(Threads, EveryWorkerStaysOnItsCpu) {
  const CpuList allowed = allowed_cpus();
  std::thread([&] {
    use_threads(0, allowed);
    const auto count = std::ssize(allowed);
    EXPECT_EQ(at::get_num_threads(), count);
    std::vector<CpuList> seen(count);
    at::parallel_for(0, count, 1, [&](int64_t begin, int64_t) { seen[begin] = allowed_cpus(); });
    for (int64_t i = 0; i < count; ++i) EXPECT_EQ(seen[i], CpuList({allowed[i]}));
  }).join();
  EXPECT_EQ(allowed_cpus(), allowed);
}

}  // namespace
}  // namespace glmv::tensor
