#include "glmv/model/kv/prefix_key.h"

#include <cstring>
#include <random>

namespace glmv::model {
namespace {

// Both halves of the 128-bit product: every bit of either factor reaches the result.
uint64_t mixed(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

BlockKey process_seed() {
  static const BlockKey seed = [] {
    std::random_device device;
    const auto word = [&device] { return static_cast<uint64_t>(device()) << 32 | device(); };
    return BlockKey{word(), word()};
  }();
  return seed;
}

}  // namespace

PrefixHasher::PrefixHasher() : state_(process_seed()) {}

void PrefixHasher::add(uint64_t value) {
  // Odd constants keep a factor from being zero together with the value.
  const uint64_t low = mixed(state_.low ^ value, 0x9e3779b97f4a7c15u ^ state_.high);
  const uint64_t high = mixed(state_.high + value, 0xd1b54a32d192ed03u ^ state_.low);
  state_ = {low + 0x632be59bd9b4e019u, high ^ (value * 0xff51afd7ed558ccdu)};
}

void PrefixHasher::add(std::span<const std::byte> bytes) {
  add(static_cast<uint64_t>(bytes.size()));
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, 8);
    add(word);
  }
  if (i < bytes.size()) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, bytes.size() - i);
    add(word);
  }
}

}  // namespace glmv::model
