#include "glmv/tensor/weight_memory.h"

#include <ATen/ATen.h>
#include <sys/mman.h>

#include <algorithm>

#include "glmv/base/mmap.h"

namespace glmv::tensor {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kSlabBytes = int64_t{256} << 20;
constexpr int64_t kLine = 64;

int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

}  // namespace

at::Tensor huge_page_bytes(int64_t num_bytes) {
  const auto length = static_cast<size_t>(round_up(num_bytes, kHugePage) + kHugePage);
  void* map = ::mmap(nullptr, length, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  // Where that fails an ordinary tensor says how much memory is missing.
  if (map == MAP_FAILED) return at::empty({num_bytes}, at::kByte);
  const auto begin = round_up(static_cast<int64_t>(reinterpret_cast<uintptr_t>(map)), kHugePage);
  auto* data = reinterpret_cast<std::byte*>(begin);
  advise_huge_pages(data, static_cast<size_t>(num_bytes));
  return at::from_blob(
      data, {num_bytes}, [map, length](void*) { ::munmap(map, length); },
      at::TensorOptions().dtype(at::kByte));
}

at::Tensor WeightMemory::allocate(int64_t num_bytes) {
  const int64_t bytes = round_up(num_bytes, kLine);
  if (!slab_.defined() || used_ + bytes > slab_.numel()) {
    slab_ = huge_page_bytes(std::max(kSlabBytes, round_up(bytes, kHugePage)));
    used_ = 0;
  }
  const at::Tensor memory = slab_.narrow(0, used_, num_bytes);
  used_ += bytes;
  return memory;
}

}  // namespace glmv::tensor
