#pragma once
// Which sample stands at which place of the endless training stream: a shuffle per epoch that is a
// pure function of (seed, epoch, place). Needs no memory, so it serves sources of any size, and no
// state, so a resumed run continues exactly.

#include <cstdint>

namespace glmv::train {

class DataOrder {
 public:
  // size > 0.
  DataOrder(int64_t size, uint64_t seed, bool shuffle);

  // Index of the sample at `place` >= 0 of the stream; every epoch of `size` places visits every
  // sample once.
  int64_t index_at(int64_t place) const;

 private:
  uint64_t permute(uint64_t value, uint64_t epoch) const;

  uint64_t size_;
  uint64_t seed_;
  bool shuffle_;
  int half_bits_;  // the permutation works on 2 * half_bits_ bits
};

}  // namespace glmv::train
