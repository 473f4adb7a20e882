#pragma once
// How far a long job is: a line that is renewed on a terminal, one now and then elsewhere.

#include <chrono>
#include <cstdint>

namespace glmv::app {

class ProgressLine {
 public:
  ProgressLine();

  // `done` of `total`, of which `skipped` were done before the start. Cheap to call often.
  void show(int64_t done, int64_t total, int64_t skipped = 0);
  // Before anything else is written.
  void clear();
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  const bool terminal_;
  const Clock::time_point start_ = Clock::now();
  double next_;
  bool shown_ = false;
};

}  // namespace glmv::app
