#include <ATen/ATen.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "glmv/base/check.h"
#include "glmv/model/kv/int8_rows.h"
#include "glmv/model/kv/kv_cache.h"

namespace glmv::model {
namespace {

// Blocks that are asked from the system together. On a GPU longer pieces save launches when the
// blocks of a sequence are put end to end.
constexpr int64_t kSlabBlocks = 16;
constexpr int64_t kDeviceSlabBlocks = 64;

// Reading a long context touches many pages; large ones cost fewer look-ups. Only advice: a kernel
// that knows none ignores it.
void prefer_huge_pages(const at::Tensor& slab) {
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const auto address = reinterpret_cast<uintptr_t>(slab.data_ptr());
  const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (address + slab.nbytes()) / kHugePage * kHugePage;
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace

KvPool::KvPool(const checkpoint::TextConfig& config, at::ScalarType dtype, at::Device device,
               int64_t max_tokens, bool int8)
    : int8_(int8),
      dtype_(dtype),
      device_(device),
      num_layers_(config.num_hidden_layers),
      kv_heads_(config.num_key_value_heads),
      head_dim_(config.head_dim),
      slab_blocks_(device.is_cpu() ? kSlabBlocks : kDeviceSlabBlocks),
      max_blocks_((max_tokens + kBlockTokens - 1) / kBlockTokens) {
  GLMV_CHECK(max_tokens > 0 && (!int8 || device.is_cpu()));
}

bool KvPool::grow() {
  const int64_t num = std::min(slab_blocks_, max_blocks_ - blocks_.capacity());
  if (num <= 0) return false;
  try {
    slabs_.push_back(
        at::empty({num, num_layers_, 2, kv_heads_, head_elements()},
                  at::TensorOptions().dtype(int8_ ? at::kChar : dtype_).device(device_)));
  } catch (const c10::Error&) {  // no memory
    max_blocks_ = blocks_.capacity();
    return false;
  }
  if (device_.is_cpu()) prefer_huge_pages(slabs_.back());
  blocks_.grow(num);
  return true;
}

std::optional<BlockId> KvPool::allocate() {
  if (blocks_.num_free() == 0) grow();
  return blocks_.allocate();
}

at::Tensor KvPool::tensor(BlockId block) const {
  return slabs_.at(block / slab_blocks_).select(0, block % slab_blocks_);
}

void* KvPool::data(BlockId block) const {
  const at::Tensor& slab = slabs_.at(block / slab_blocks_);
  return static_cast<std::byte*>(slab.data_ptr()) +
         block % slab_blocks_ * slab.stride(0) * slab.element_size();
}

int64_t KvPool::block_bytes() const {
  const auto element_bytes = static_cast<int64_t>(int8_ ? 1 : at::elementSize(dtype_));
  return num_layers_ * 2 * kv_heads_ * head_elements() * element_bytes;
}

std::vector<std::byte> KvPool::copy_out(BlockId block) const {
  std::vector<std::byte> bytes(static_cast<size_t>(block_bytes()));
  const at::Tensor host = tensor(block).cpu();
  std::memcpy(bytes.data(), host.const_data_ptr(), bytes.size());
  return bytes;
}

void KvPool::copy_in(BlockId block, std::span<const std::byte> bytes) {
  GLMV_CHECK(std::ssize(bytes) == block_bytes());
  const at::Tensor to = tensor(block);
  const at::Tensor host = at::empty(to.sizes(), to.options().device(at::kCPU));
  std::memcpy(host.data_ptr(), bytes.data(), bytes.size());
  to.copy_(host);
}

at::Tensor KvPool::rows(std::span<const BlockId> blocks, int64_t layer, int64_t which) const {
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < blocks.size();) {
    const BlockId first = blocks[i];
    const int64_t slab = first / slab_blocks_;
    size_t j = i + 1;
    while (j < blocks.size() && blocks[j] == blocks[j - 1] + 1 &&
           blocks[j] / slab_blocks_ == slab) {
      ++j;
    }
    parts.push_back(slabs_.at(slab)
                        .narrow(0, first % slab_blocks_, static_cast<int64_t>(j - i))
                        .select(1, layer)
                        .select(1, which));
    i = j;
  }
  const at::Tensor all = parts.size() == 1 ? parts[0] : at::cat(parts);
  if (int8_) return dequantize_kv_rows(all, kBlockTokens, head_dim_, dtype_);
  return all.unflatten(-1, {kBlockTokens, head_dim_});
}

}  // namespace glmv::model
