#pragma once
// Keys and values in blocks of kBlockTokens tokens. A KvPool holds the blocks of one model; a
// KvCache is one sequence: its list of blocks. Sequences may share blocks: after fork(), and where
// they begin with the same tokens (adopt, publish). One thread owns a pool and all of its caches.
//
// Shape legend: n tokens, L all tokens, G key/value heads, E head dim.

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "glmv/checkpoint/hf_config.h"
#include "glmv/model/kv/block_pool.h"

namespace glmv::model {

inline constexpr int64_t kBlockTokens = 64;

// The memory. It grows with use, some blocks at a time, up to a limit; what was taken stays.
// Every block lies in one piece: [layers, 2 (keys, values), G, kBlockTokens, E]. In int8 (CPU) the
// scales of the rows lie behind them: [layers, 2, G, kBlockTokens * (E + 4)] bytes (int8_rows.h).
class KvPool {
 public:
  // For a model of `dtype`; `max_tokens` is rounded up to whole blocks.
  KvPool(const checkpoint::TextConfig& config, at::ScalarType dtype, at::Device device,
         int64_t max_tokens, bool int8 = false);

  // A block with one reference; none when the limit is reached and all are used, or when the system
  // gives no memory, which lowers the limit to what there is.
  std::optional<BlockId> allocate();
  BlockPool& blocks() { return blocks_; }
  const BlockPool& blocks() const { return blocks_; }

  int64_t max_blocks() const { return max_blocks_; }
  // Blocks that allocate() can still give, if the system has the memory.
  int64_t num_available() const {
    return max_blocks_ - blocks_.capacity() + blocks_.num_available();
  }

  at::ScalarType dtype() const { return dtype_; }
  bool is_int8() const { return int8_; }
  at::Device device() const { return device_; }
  int64_t num_layers() const { return num_layers_; }
  int64_t kv_heads() const { return kv_heads_; }
  int64_t head_dim() const { return head_dim_; }
  // Elements of a block that belong to the keys or values of one head of a layer,
  int64_t head_elements() const {
    return kBlockTokens * (head_dim_ + (int8_ ? static_cast<int64_t>(sizeof(float)) : 0));
  }
  // and those from its start to the keys (0) or values (1) of a layer.
  int64_t offset(int64_t layer, int64_t which) const {
    return (layer * 2 + which) * kv_heads_ * head_elements();
  }
  int64_t block_bytes() const;
  // Start of a block.
  void* data(BlockId block) const;
  // The bytes of a block, from and to memory of the host.
  std::vector<std::byte> copy_out(BlockId block) const;
  void copy_in(BlockId block, std::span<const std::byte> bytes);
  // [layers, 2, G, head_elements()].
  at::Tensor tensor(BlockId block) const;
  // Keys or values of a layer, [blocks, G, kBlockTokens, E]: a view where the blocks follow each
  // other and are not int8.
  at::Tensor rows(std::span<const BlockId> blocks, int64_t layer, int64_t which) const;

 private:
  bool grow();

  bool int8_;
  at::ScalarType dtype_;
  at::Device device_;
  int64_t num_layers_;
  int64_t kv_heads_;
  int64_t head_dim_;
  int64_t slab_blocks_;
  int64_t max_blocks_;
  std::vector<at::Tensor> slabs_;  // [slab_blocks_, layers, 2, G, head_elements()]
  BlockPool blocks_;
};

// Invariants (check_integrity):
//  1. The blocks hold length() tokens, and every one of them is used in the pool.
//  2. Full blocks may be shared and published. What write() touches is neither: reserve() sees to
//     that (copy on write).
class KvCache {
 public:
  explicit KvCache(std::shared_ptr<KvPool> pool) : pool_(std::move(pool)) {}
  KvCache(KvCache&& other) noexcept { swap(other); }
  KvCache& operator=(KvCache&& other) noexcept {
    swap(other);
    return *this;
  }
  ~KvCache() { truncate(0); }

  // The same tokens again, without copying any.
  KvCache fork() const;

  int64_t length() const { return length_; }
  // Forgets all tokens from `length` on and gives their blocks back.
  void truncate(int64_t length);

  // Makes room for n tokens behind length(); false, and nothing changed, when the pool is full.
  [[nodiscard]] bool reserve(int64_t n);

  // Keys, values [n, G, E] of one layer for the tokens from `place` on, behind length() or again,
  // reserved before and not shared. advance() after the last layer.
  void write(int64_t layer, int64_t place, const at::Tensor& keys, const at::Tensor& values);
  void advance(int64_t n) { length_ += n; }

  // Keys and values [G, L, E] of a layer for the first L tokens, as a copy.
  std::pair<at::Tensor, at::Tensor> gather(int64_t layer, int64_t length) const;

  // An empty cache takes the blocks of the longest known prefix; keys[i] names the first i + 1
  // blocks. Returns its tokens.
  int64_t adopt(std::span<const BlockKey> keys);
  // Takes one full block more, named `key`, filled by `fill` (its number is given); behind full
  // blocks only. False, and nothing changed, when the pool is full or `fill` says so.
  bool append_filled(const BlockKey& key, const std::function<bool(BlockId)>& fill);
  // Names the full blocks; keys as above, at most length() / kBlockTokens of them.
  void publish(std::span<const BlockKey> keys);

  const KvPool& pool() const { return *pool_; }
  std::span<const BlockId> blocks() const { return blocks_; }
  // Where each block starts (CPU).
  const std::vector<const void*>& block_data() const { return data_; }

  void check_integrity() const;

 private:
  void swap(KvCache& other) noexcept;
  void put(BlockId block);

  std::shared_ptr<KvPool> pool_;
  std::vector<BlockId> blocks_;
  std::vector<const void*> data_;
  int64_t length_ = 0;
  int64_t num_published_ = 0;  // blocks
};

}  // namespace glmv::model
