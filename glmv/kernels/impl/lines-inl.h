#pragma once
// Memory for operands. Everything is in an unnamed namespace: each isa/*.cc must keep its own copy.

#include <cstdint>
#include <new>

namespace glmv::kernels {
namespace {

// Memory that begins with a cache line. No std::vector here: its code, compiled for this CPU, could
// become that of the whole program.
template <class T>
class Lines {
 public:
  explicit Lines(int64_t n)
      : data_(static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64}))) {}
  ~Lines() { ::operator delete(data_, std::align_val_t{64}); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  T* data() { return data_; }

 private:
  T* data_;
};

}  // namespace
}  // namespace glmv::kernels
