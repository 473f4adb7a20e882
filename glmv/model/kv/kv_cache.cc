#include "glmv/model/kv/kv_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

#include "glmv/base/check.h"
#include "glmv/model/kv/int8_rows.h"

namespace glmv::model {
namespace {

int64_t blocks_of(int64_t tokens) { return (tokens + kBlockTokens - 1) / kBlockTokens; }

}  // namespace

void KvCache::swap(KvCache& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(blocks_, other.blocks_);
  std::swap(data_, other.data_);
  std::swap(length_, other.length_);
  std::swap(num_published_, other.num_published_);
}

void KvCache::put(BlockId block) {
  blocks_.push_back(block);
  data_.push_back(pool_->data(block));
}

KvCache KvCache::fork() const {
  KvCache copy(pool_);
  for (int64_t i = 0; i < blocks_of(length_); ++i) {
    pool_->blocks().add_reference(blocks_[i]);
    copy.put(blocks_[i]);
  }
  copy.length_ = length_;
  copy.num_published_ = num_published_;
  return copy;
}

void KvCache::truncate(int64_t length) {
  GLMV_CHECK(length >= 0 && length <= length_, "truncate to {} of {}", length, length_);
  // The end of a prefix goes first: it is of use only behind the rest.
  while (static_cast<int64_t>(blocks_.size()) > blocks_of(length)) {
    pool_->blocks().release(blocks_.back());
    blocks_.pop_back();
    data_.pop_back();
  }
  length_ = length;
  num_published_ = std::min(num_published_, length / kBlockTokens);
}

bool KvCache::reserve(int64_t n) {
  if (n <= 0) return true;
  BlockPool& pool = pool_->blocks();
  const bool partial = length_ % kBlockTokens != 0;
  const BlockId last = partial ? blocks_[length_ / kBlockTokens] : -1;
  const bool copy = partial && pool.num_references(last) > 1;
  const int64_t num_new =
      std::max<int64_t>(0, blocks_of(length_ + n) - static_cast<int64_t>(blocks_.size()));
  std::vector<BlockId> fresh;
  while (static_cast<int64_t>(fresh.size()) < num_new + (copy ? 1 : 0)) {
    const std::optional<BlockId> block = pool_->allocate();
    if (!block) {
      for (const BlockId taken : fresh) pool.release(taken);
      return false;
    }
    fresh.push_back(*block);
  }
  size_t next = 0;
  if (copy) {
    const int64_t index = length_ / kBlockTokens;
    const BlockId own = fresh[next++];
    pool_->tensor(own).copy_(pool_->tensor(last));
    pool.release(last);
    blocks_[index] = own;
    data_[index] = pool_->data(own);
  } else if (partial) {
    pool.unpublish(last);
  }
  for (; next < fresh.size(); ++next) put(fresh[next]);
  return true;
}

void KvCache::write(int64_t layer, int64_t place, const at::Tensor& keys_in,
                    const at::Tensor& values_in) {
  const int64_t n = keys_in.size(0);
  GLMV_CHECK(place + n <= static_cast<int64_t>(blocks_.size()) * kBlockTokens,
             "{} tokens from {} on were not reserved", n, place);
  const at::Tensor sources[2] = {keys_in.contiguous(), values_in.contiguous()};
  const int64_t heads = pool_->kv_heads();
  const int64_t width = pool_->head_dim();
  for (int64_t i = 0; i < n;) {
    const int64_t at = (place + i) % kBlockTokens;  // in its block
    const int64_t count = std::min(n - i, kBlockTokens - at);
    const BlockId block = blocks_[(place + i) / kBlockTokens];
    for (int64_t which = 0; which < 2; ++which) {
      const at::Tensor& source = sources[which];
      if (!source.is_cpu()) {
        pool_->tensor(block)
            .select(0, layer)
            .select(0, which)
            .unflatten(-1, {kBlockTokens, width})
            .narrow(1, at, count)
            .copy_(source.narrow(0, i, count).transpose(0, 1));
        continue;
      }
      // Few bytes for many layers: a tensor operation would cost more than the copy.
      const bool int8 = pool_->is_int8();
      const int64_t size = int8 ? 1 : static_cast<int64_t>(source.element_size());  // in the pool
      const auto* from = static_cast<const std::byte*>(source.const_data_ptr());
      auto* to = static_cast<std::byte*>(pool_->data(block)) + pool_->offset(layer, which) * size;
      for (int64_t head = 0; head < heads; ++head, to += pool_->head_elements() * size) {
        auto* scales = reinterpret_cast<float*>(to + kBlockTokens * width);  // of int8
        for (int64_t t = at; t < at + count; ++t) {
          const int64_t first = ((i + t - at) * heads + head) * width;
          std::byte* row = to + t * width * size;
          if (int8) {
            quantize_kv_row(source, first, width, reinterpret_cast<int8_t*>(row), scales + t);
          } else {
            std::memcpy(row, from + first * size, width * size);
          }
        }
      }
    }
    i += count;
  }
}

std::pair<at::Tensor, at::Tensor> KvCache::gather(int64_t layer, int64_t length) const {
  const int64_t num_blocks = blocks_of(length);
  GLMV_CHECK(num_blocks > 0 && num_blocks <= static_cast<int64_t>(blocks_.size()));
  const auto all = [&](int64_t which) {
    return pool_->rows(std::span(blocks_).first(num_blocks), layer, which)
        .transpose(0, 1)
        .reshape({pool_->kv_heads(), num_blocks * kBlockTokens, pool_->head_dim()})
        .narrow(1, 0, length);
  };
  return {all(0), all(1)};
}

int64_t KvCache::adopt(std::span<const BlockKey> keys) {
  GLMV_CHECK(blocks_.empty() && length_ == 0, "only an empty cache can adopt a prefix");
  for (const BlockKey& key : keys) {
    const std::optional<BlockId> block = pool_->blocks().find(key);
    if (!block) break;
    put(*block);
    length_ += kBlockTokens;
    ++num_published_;
  }
  return length_;
}

bool KvCache::append_filled(const BlockKey& key, const std::function<bool(BlockId)>& fill) {
  GLMV_CHECK(length_ % kBlockTokens == 0 &&
             static_cast<int64_t>(blocks_.size()) == length_ / kBlockTokens);
  const std::optional<BlockId> block = pool_->allocate();
  if (!block) return false;
  if (!fill(*block)) {
    pool_->blocks().release(*block);
    return false;
  }
  put(*block);
  length_ += kBlockTokens;
  pool_->blocks().publish(*block, key);
  ++num_published_;
  return true;
}

void KvCache::publish(std::span<const BlockKey> keys) {
  const auto end = static_cast<int64_t>(keys.size());
  GLMV_CHECK(end <= length_ / kBlockTokens, "{} keys for {} tokens", end, length_);
  for (; num_published_ < end; ++num_published_) {
    pool_->blocks().publish(blocks_[num_published_], keys[num_published_]);
  }
}

void KvCache::check_integrity() const {
  GLMV_CHECK(static_cast<int64_t>(blocks_.size()) >= blocks_of(length_) &&
                 blocks_.size() == data_.size() && num_published_ <= length_ / kBlockTokens,
             "invariant 1: {} blocks for {} tokens", blocks_.size(), length_);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const int64_t references = pool_->blocks().num_references(blocks_[i]);
    GLMV_CHECK(references > 0 && data_[i] == pool_->data(blocks_[i]), "invariant 1: block {}", i);
    // Blocks that are reserved and hold nothing yet.
    GLMV_CHECK(references == 1 || static_cast<int64_t>(i) < blocks_of(length_),
               "invariant 2: block {}", i);
  }
}

}  // namespace glmv::model
