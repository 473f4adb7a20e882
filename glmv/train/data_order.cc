#include "glmv/train/data_order.h"

#include "glmv/base/check.h"

namespace glmv::train {
namespace {

constexpr int kRounds = 6;

// splitmix64's finaliser.
uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

DataOrder::DataOrder(int64_t size, uint64_t seed, bool shuffle)
    : size_(static_cast<uint64_t>(size)), seed_(seed), shuffle_(shuffle), half_bits_(1) {
  GLMV_CHECK(size > 0, "data order of {} samples", size);
  while (half_bits_ < 31 && (uint64_t{1} << (2 * half_bits_)) < size_) ++half_bits_;
  if ((uint64_t{1} << (2 * half_bits_)) < size_) half_bits_ = 32;
}

int64_t DataOrder::index_at(int64_t place) const {
  const uint64_t epoch = static_cast<uint64_t>(place) / size_;
  uint64_t value = static_cast<uint64_t>(place) % size_;
  if (!shuffle_) return static_cast<int64_t>(value);
  // Cycle walking: the permutation of the power-of-four domain, repeated until it lands inside.
  do {
    value = permute(value, epoch);
  } while (value >= size_);
  return static_cast<int64_t>(value);
}

uint64_t DataOrder::permute(uint64_t value, uint64_t epoch) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  const uint64_t key = mix(seed_ + 0x9e3779b97f4a7c15ULL) ^ mix(epoch + 0x2545f4914f6cdd1dULL);
  uint64_t left = value >> half_bits_;
  uint64_t right = value & mask;
  for (uint64_t round = 0; round < kRounds; ++round) {
    const uint64_t f = mix(mix(key + round * 0x9e3779b97f4a7c15ULL) + right) & mask;
    const uint64_t next = left ^ f;
    left = right;
    right = next;
  }
  return (left << half_bits_) | right;
}

}  // namespace glmv::train
