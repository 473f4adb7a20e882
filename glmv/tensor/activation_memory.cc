#include "glmv/tensor/activation_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include "glmv/base/kept_memory.h"

namespace glmv::tensor {
namespace {

void free_tensor(void* p) {
  if (p != nullptr && !give_kept(p)) c10::GetDefaultCPUAllocator()->raw_deleter()(p);
}

class KeepingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* const block = bytes < kLeastKeptBytes ? c10::GetDefaultCPUAllocator()->raw_allocate(bytes)
                                                : take_kept(bytes);
    return {block, block, &free_tensor, at::Device(at::kCPU)};
  }
  // ATen frees some blocks without their DataPtr: one way for all.
  c10::DeleterFnPtr raw_deleter() const override { return &free_tensor; }
  void copy_data(void* dest, const void* src, size_t bytes) const override {
    default_copy_data(dest, src, bytes);
  }
};

}  // namespace

void keep_activation_memory() {
  static auto* const allocator = new KeepingAllocator;
  // Above the priority of the default one.
  c10::SetCPUAllocator(allocator, 1);
}

}  // namespace glmv::tensor
