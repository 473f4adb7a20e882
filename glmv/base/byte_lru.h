#pragma once
// Values under digests, of which those used last stay within a number of bytes. One thread.

#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

#include "glmv/base/sha256.h"

namespace glmv {

template <class Value>
class ByteLru {
 public:
  explicit ByteLru(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Null when it is not there; else it counts as used now. Valid until the next put().
  const Value* find(const Digest& key) {
    const auto it = by_key_.find(key);
    if (it == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, it->second);
    return &entries_.front().value;
  }

  // Takes the place of one under the same key. Values larger than the whole are not kept.
  void put(const Digest& key, Value value, int64_t num_bytes) {
    remove(key);
    if (num_bytes > max_bytes_) return;
    while (num_bytes_ + num_bytes > max_bytes_) remove(Digest(entries_.back().key));
    entries_.push_front({key, std::move(value), num_bytes});
    by_key_[key] = entries_.begin();
    num_bytes_ += num_bytes;
  }

  void remove(const Digest& key) {
    const auto it = by_key_.find(key);
    if (it == by_key_.end()) return;
    num_bytes_ -= it->second->num_bytes;
    entries_.erase(it->second);
    by_key_.erase(it);
  }

  int64_t num_bytes() const { return num_bytes_; }
  int64_t max_bytes() const { return max_bytes_; }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Digest key;
    Value value;
    int64_t num_bytes;
  };

  int64_t max_bytes_;
  int64_t num_bytes_ = 0;
  std::list<Entry> entries_;  // used last first
  std::unordered_map<Digest, typename std::list<Entry>::iterator, DigestHash> by_key_;
};

}  // namespace glmv
