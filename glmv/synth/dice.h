#pragma once
// Random choices on top of Random, in the words the generators use.

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "glmv/base/random.h"

namespace glmv::synth {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  bool chance(double probability) { return random_.uniform() < probability; }
  // In [low, high].
  int between(int low, int high) { return static_cast<int>(random_.between(low, high)); }
  double real(double low, double high) { return low + (high - low) * random_.uniform(); }
  uint64_t bits() { return random_.next_u64(); }

  template <class Range>
  const auto& pick(const Range& range) {
    return range[random_.below(std::size(range))];
  }

  // Index drawn in proportion to `weights` (not all zero).
  template <class Range>
  int weighted(const Range& weights) {
    double total = 0;
    for (double weight : weights) total += weight;
    double left = random_.uniform() * total;
    int last = 0;
    int index = 0;
    for (double weight : weights) {
      if (weight > 0) {
        last = index;
        if (left < weight) return index;
        left -= weight;
      }
      ++index;
    }
    return last;
  }
  int weighted(std::initializer_list<double> weights) {
    return weighted(std::span<const double>(weights.begin(), weights.size()));
  }

  template <class T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random_.below(i)]);
  }

 private:
  Random random_;
};

// One well-mixed seed out of several numbers.
inline uint64_t mix_seed(uint64_t a, uint64_t b, uint64_t c = 0, uint64_t d = 0) {
  uint64_t state = 0x9E3779B97F4A7C15ull;
  for (uint64_t value : {a, b, c, d}) {
    state += value + 0x9E3779B97F4A7C15ull;
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9ull;
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBull;
    state ^= state >> 31;
  }
  return state;
}

}  // namespace glmv::synth
