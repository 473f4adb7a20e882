#pragma once
// Counter-free deterministic random numbers, the same on every machine and library version
// (std::uniform_* distributions are not).

#include <cstdint>

namespace glmv {

// xoshiro256** seeded by splitmix64. Not thread-safe; copy it to fork a stream.
class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t next_u64();
  // Uniform in [0, 1), 53 bits.
  double uniform();
  // Uniform in [0, n); n > 0; unbiased.
  uint64_t below(uint64_t n);
  // Uniform integer in [low, high].
  int64_t between(int64_t low, int64_t high);
  // Standard normal (Box-Muller; no state carried between calls).
  double normal();

  // The whole state, for bit-exact resume.
  struct State {
    uint64_t words[4];
  };
  State state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  State state_;
};

}  // namespace glmv
