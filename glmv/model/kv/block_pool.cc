#include "glmv/model/kv/block_pool.h"

#include "glmv/base/check.h"

namespace glmv::model {

void BlockPool::grow(int64_t num_blocks) {
  const int64_t begin = capacity();
  blocks_.resize(static_cast<size_t>(begin + num_blocks));
  // Ascending numbers come out one after the other: neighbours in memory.
  for (int64_t i = num_blocks; i-- > 0;) free_.push_back(static_cast<BlockId>(begin + i));
}

std::optional<BlockId> BlockPool::allocate() {
  BlockId block;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else if (!cached_.empty()) {
    block = cached_.front();
    cached_.pop_front();
    by_key_.erase(*blocks_[block].key);
    blocks_[block].key.reset();
  } else {
    return std::nullopt;
  }
  blocks_[block].num_references = 1;
  return block;
}

void BlockPool::add_reference(BlockId block) {
  GLMV_CHECK(blocks_.at(block).num_references > 0, "block {} is not used", block);
  ++blocks_[block].num_references;
}

void BlockPool::release(BlockId block) {
  Block& entry = blocks_.at(block);
  GLMV_CHECK(entry.num_references > 0, "block {} is not used", block);
  if (--entry.num_references > 0) return;
  if (entry.key) {
    entry.position = cached_.insert(cached_.end(), block);
  } else {
    free_.push_back(block);
  }
}

void BlockPool::publish(BlockId block, const BlockKey& key) {
  Block& entry = blocks_.at(block);
  GLMV_CHECK(entry.num_references > 0 && (!entry.key || *entry.key == key),
             "block {} cannot take a key", block);
  if (by_key_.try_emplace(key, block).second) entry.key = key;
}

std::optional<BlockId> BlockPool::find(const BlockKey& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return std::nullopt;
  Block& entry = blocks_[it->second];
  if (entry.num_references++ == 0) cached_.erase(entry.position);
  return it->second;
}

void BlockPool::unpublish(BlockId block) {
  Block& entry = blocks_.at(block);
  GLMV_CHECK(entry.num_references > 0, "block {} is not used", block);
  if (!entry.key) return;
  by_key_.erase(*entry.key);
  entry.key.reset();
}

void BlockPool::check_integrity() const {
  std::vector<int> seen(blocks_.size(), 0);
  for (const BlockId block : free_) {
    ++seen.at(block);
    GLMV_CHECK(blocks_[block].num_references == 0 && !blocks_[block].key,
               "invariant 2 or 3: free block {}", block);
  }
  for (auto it = cached_.begin(); it != cached_.end(); ++it) {
    ++seen.at(*it);
    GLMV_CHECK(blocks_[*it].num_references == 0 && blocks_[*it].key,
               "invariant 2 or 3: cached block {}", *it);
    GLMV_CHECK(blocks_[*it].position == it, "invariant 4: block {}", *it);
  }
  int64_t num_used = 0;
  size_t num_keys = 0;
  for (size_t block = 0; block < blocks_.size(); ++block) {
    const Block& entry = blocks_[block];
    GLMV_CHECK(seen[block] == (entry.num_references > 0 ? 0 : 1), "invariant 1: block {}", block);
    num_used += entry.num_references > 0;
    if (!entry.key) continue;
    ++num_keys;
    const auto it = by_key_.find(*entry.key);
    GLMV_CHECK(it != by_key_.end() && it->second == static_cast<BlockId>(block),
               "invariant 3: the key of block {}", block);
  }
  GLMV_CHECK(num_keys == by_key_.size(), "invariant 3: {} keys of {} blocks", by_key_.size(),
             num_keys);
  GLMV_CHECK(num_used == this->num_used(), "invariant 5");
}

}  // namespace glmv::model
