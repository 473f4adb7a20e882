#include "glmv/base/kept_memory.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include "glmv/base/mmap.h"

namespace glmv {
namespace {

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

// Lives until the process ends: memory of static lifetime may be freed late.
Blocks& blocks() {
  static auto* const all = new Blocks;
  return *all;
}

}  // namespace

void* take_kept(size_t num_bytes) {
  return blocks().take((num_bytes + kPageBytes - 1) / kPageBytes * kPageBytes);
}
bool give_kept(void* block) { return blocks().give(block); }
void release_kept_memory() { blocks().release(); }
int64_t kept_bytes() { return blocks().kept(); }

}  // namespace glmv
