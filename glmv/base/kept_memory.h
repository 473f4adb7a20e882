#pragma once
// Memory of large arrays. The C library returns blocks of more than 32 MB to the system when they
// are freed and gets new, zeroed pages for the next: a quarter of the time of a large picture. Here
// freed blocks are kept for the next array of about their size, in 2 MB pages: at most as much as
// was in use at once so far. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace glmv {

// Freed memory that is kept at most.
inline constexpr int64_t kKeptBytes = int64_t{1} << 30;
// Smaller blocks are the C library's: it reuses them.
inline constexpr size_t kLeastKeptBytes = size_t{4} << 20;

// At least num_bytes, not initialised, at a multiple of 2 MB. Throws std::bad_alloc.
void* take_kept(size_t num_bytes);
// False when the block is not from take_kept(): it is then still the caller's.
bool give_kept(void* block);
// Gives back to the system what is kept.
void release_kept_memory();
// Bytes kept at the moment.
int64_t kept_bytes();

// For programs that run for weeks, where each of many threads would have a heap of its own whose
// free pages nobody else can use: few heaps, from now on. Before threads are started.
void share_heaps();
// Gives free pages of the C library's heaps back to the system: between what lives on, they would
// add up. Milliseconds.
void trim_heaps();

// For std::vector: large ones live in kept memory, and resize() leaves new elements uninitialised.
template <class T>
class KeptAllocator {
 public:
  using value_type = T;

  KeptAllocator() = default;
  template <class U>
  KeptAllocator(const KeptAllocator<U>&) {}

  T* allocate(size_t n) {
    if (n * sizeof(T) < kLeastKeptBytes) return std::allocator<T>().allocate(n);
    return static_cast<T*>(take_kept(n * sizeof(T)));
  }
  void deallocate(T* p, size_t n) {
    if (n * sizeof(T) < kLeastKeptBytes || !give_kept(p)) std::allocator<T>().deallocate(p, n);
  }
  template <class U, class... Args>
  void construct(U* p, Args&&... args) {
    if constexpr (sizeof...(Args) == 0) {
      ::new (static_cast<void*>(p)) U;
    } else {
      ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
    }
  }
  bool operator==(const KeptAllocator&) const { return true; }
};

}  // namespace glmv
