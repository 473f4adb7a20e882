#pragma once
// Names of cached prefixes: a chain of hashes over everything that the keys and values of a token
// depend on. Two equal keys mean two equal prefixes, but for a chance of 2^-128 a pair; the seed
// is drawn by each process, so that nobody can prepare prompts that collide.

#include <cstddef>
#include <cstdint>
#include <span>

namespace glmv::model {

struct BlockKey {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const BlockKey&) const = default;
};

struct BlockKeyHash {
  size_t operator()(const BlockKey& key) const { return static_cast<size_t>(key.low); }
};

class PrefixHasher {
 public:
  // Seeds from the system, the same for all hashers of the process.
  PrefixHasher();
  explicit PrefixHasher(BlockKey seed) : state_(seed) {}

  void add(uint64_t value);
  void add(std::span<const std::byte> bytes);
  // Of everything added so far; more may follow.
  BlockKey key() const { return state_; }

 private:
  BlockKey state_;
};

}  // namespace glmv::model
