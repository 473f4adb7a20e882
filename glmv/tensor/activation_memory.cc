#include "glmv/tensor/activation_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <new>

#include "glmv/base/mmap.h"

namespace glmv::tensor {
namespace {

// Smaller blocks are the C library's: it reuses them.
constexpr size_t kLeastBytes = size_t{4} << 20;
constexpr size_t kPageBytes = size_t{2} << 20;

class Blocks {
 public:
  void* take(size_t bytes) {
    {
      std::lock_guard lock(mutex_);
      // A block of up to an eighth more than asked for.
      const auto it = free_.lower_bound(bytes);
      if (it != free_.end() && it->first <= bytes + bytes / 8) {
        void* const block = it->second;
        kept_ -= it->first;
        sizes_[block] = it->first;
        free_.erase(it);
        return block;
      }
    }
    void* block = std::aligned_alloc(kPageBytes, bytes);
    if (block == nullptr) {
      release();
      block = std::aligned_alloc(kPageBytes, bytes);
    }
    if (block == nullptr) throw std::bad_alloc();
    advise_huge_pages(block, bytes);
    std::lock_guard lock(mutex_);
    sizes_[block] = bytes;
    return block;
  }

  // False when the block is not from here.
  bool give(void* block) {
    if (reinterpret_cast<uintptr_t>(block) % kPageBytes != 0) return false;
    std::lock_guard lock(mutex_);
    const auto it = sizes_.find(block);
    if (it == sizes_.end()) return false;
    const size_t bytes = it->second;
    sizes_.erase(it);
    if (kept_ + bytes > static_cast<size_t>(kKeptBytes)) {
      std::free(block);
      return true;
    }
    kept_ += bytes;
    free_.emplace(bytes, block);
    return true;
  }

  void release() {
    std::lock_guard lock(mutex_);
    for (const auto& [bytes, block] : free_) std::free(block);
    free_.clear();
    kept_ = 0;
  }

  int64_t kept() {
    std::lock_guard lock(mutex_);
    return static_cast<int64_t>(kept_);
  }

 private:
  std::mutex mutex_;
  std::multimap<size_t, void*> free_;  // by size
  std::map<void*, size_t> sizes_;      // in use
  size_t kept_ = 0;
};

// Lives until the process ends: tensors of static lifetime may be freed late.
Blocks& blocks() {
  static auto* const all = new Blocks;
  return *all;
}

void free_tensor(void* p) {
  if (p != nullptr && !blocks().give(p)) c10::GetDefaultCPUAllocator()->raw_deleter()(p);
}

class KeepingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* const block = bytes < kLeastBytes
                            ? c10::GetDefaultCPUAllocator()->raw_allocate(bytes)
                            : blocks().take((bytes + kPageBytes - 1) / kPageBytes * kPageBytes);
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

void release_activation_memory() { blocks().release(); }

int64_t kept_activation_bytes() { return blocks().kept(); }

}  // namespace glmv::tensor
