#pragma once
// Who owns which block of the cache: numbers only, no memory. One thread.
//
//            allocate                    release, last reference
//   free ----------------> used <---------------------------------- used
//    ^                      |  ^              with a key: to cached
//    |   release, no key    |  | find
//    +----------------------+  |
//    ^                         |
//    +------ evicted ------- cached
//
// Invariants (check_integrity):
//  1. Every block is in exactly one state: free, cached (findable, no references), used.
//  2. A block is used exactly while it has references.
//  3. A key names at most one block and a block has at most one key; free blocks have none, cached
//     ones have one.
//  4. The cached blocks are in the order of their last use; allocate() takes free blocks first,
//  then
//     the cached one whose last use is longest ago.
//  5. num_free + num_cached + num_used is the capacity.

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "glmv/model/kv/prefix_key.h"

namespace glmv::model {

using BlockId = int32_t;

class BlockPool {
 public:
  explicit BlockPool(int64_t capacity = 0) { grow(capacity); }
  // More blocks, all of them free.
  void grow(int64_t num_blocks);

  // A block with one reference and no key; none when all are used.
  std::optional<BlockId> allocate();
  void add_reference(BlockId block);
  void release(BlockId block);

  // From now on the block is what `key` names. Nothing happens when another block is that already.
  void publish(BlockId block, const BlockKey& key);
  // The block named so, with a reference more for the caller.
  std::optional<BlockId> find(const BlockKey& key);
  // Its content changes: takes back its key. The block must be used.
  void unpublish(BlockId block);

  int64_t num_references(BlockId block) const { return blocks_.at(block).num_references; }

  int64_t capacity() const { return static_cast<int64_t>(blocks_.size()); }
  // Blocks that allocate() can still give.
  int64_t num_available() const { return num_free() + num_cached(); }
  int64_t num_free() const { return static_cast<int64_t>(free_.size()); }
  int64_t num_cached() const { return static_cast<int64_t>(cached_.size()); }
  int64_t num_used() const { return capacity() - num_available(); }

  // Throws InternalError naming the broken invariant.
  void check_integrity() const;

 private:
  struct Block {
    int64_t num_references = 0;
    std::optional<BlockKey> key;
    std::list<BlockId>::iterator position{};  // in cached_, while cached
  };

  std::vector<Block> blocks_;
  std::vector<BlockId> free_;  // the next one last
  std::list<BlockId> cached_;  // last use longest ago first
  std::unordered_map<BlockKey, BlockId, BlockKeyHash> by_key_;
};

}  // namespace glmv::model
