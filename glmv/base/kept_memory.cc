#include "glmv/base/kept_memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <unordered_map>

#include "glmv/base/mmap.h"

namespace glmv {
namespace {

constexpr size_t kPageBytes = size_t{2} << 20;
constexpr int kMaxHeaps = 2;

// Maps of their own: in the C library's heap, the hint for large pages would outlive the block, and
// small blocks in its place would take 2 MB each.
void* map_block(size_t bytes) {
  const size_t length = bytes + kPageBytes;
  void* const map =
      ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<char*>(map);
  const size_t head = (kPageBytes - reinterpret_cast<uintptr_t>(map) % kPageBytes) % kPageBytes;
  if (head > 0) ::munmap(begin, head);
  ::munmap(begin + head + bytes, kPageBytes - head);
  advise_huge_pages(begin + head, bytes);
  return begin + head;
}

class Blocks {
 public:
  void* take(size_t bytes) {
    std::unique_lock lock(mutex_);
    void* block = take_free(bytes);
    if (block == nullptr) {
      lock.unlock();
      block = map_block(bytes);
      lock.lock();
      if (block == nullptr) {
        trim(0);
        block = map_block(bytes);
      }
      if (block == nullptr) throw std::bad_alloc();
      in_use_[block] = bytes;
      used_ += bytes;
    }
    most_used_ = std::max(most_used_, used_);
    return block;
  }

  // False when the block is not from here.
  bool give(void* block) {
    if (reinterpret_cast<uintptr_t>(block) % kPageBytes != 0) return false;
    const std::lock_guard lock(mutex_);
    const auto it = in_use_.find(block);
    if (it == in_use_.end()) return false;
    free_.push_back({block, it->second});
    used_ -= it->second;
    kept_ += it->second;
    in_use_.erase(it);
    trim(std::min(static_cast<size_t>(kKeptBytes), most_used_));
    return true;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    trim(0);
    most_used_ = used_;
  }

  int64_t kept() {
    const std::lock_guard lock(mutex_);
    return static_cast<int64_t>(kept_);
  }

 private:
  struct Free {
    void* block;
    size_t bytes;
  };

  // The smallest of up to an eighth more than asked for; null: there is none.
  void* take_free(size_t bytes) {
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->bytes < bytes || it->bytes > bytes + bytes / 8) continue;
      if (best == free_.end() || it->bytes < best->bytes) best = it;
    }
    if (best == free_.end()) return nullptr;
    void* const block = best->block;
    in_use_[block] = best->bytes;
    used_ += best->bytes;
    kept_ -= best->bytes;
    free_.erase(best);
    return block;
  }

  // Gives those back first that have lain longest: sizes that do not come again.
  void trim(size_t most) {
    while (kept_ > most) {
      ::munmap(free_.front().block, free_.front().bytes);
      kept_ -= free_.front().bytes;
      free_.pop_front();
    }
  }

  std::mutex mutex_;
  std::list<Free> free_;  // given last at the end; at most some hundreds
  std::unordered_map<void*, size_t> in_use_;
  size_t kept_ = 0, used_ = 0;
  size_t most_used_ = 0;  // at once, so far
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

void share_heaps() { ::mallopt(M_ARENA_MAX, kMaxHeaps); }
void trim_heaps() { ::malloc_trim(0); }

}  // namespace glmv
