#pragma once
// How work that takes long hears that nobody waits for it any more.

#include <chrono>
#include <functional>

namespace glmv {

// Asked now and then by whoever works; false: the work ends as soon as it can (cancelled). Empty:
// it is wanted to its end.
using Wanted = std::function<bool()>;

inline bool is_wanted(const Wanted& wanted) { return !wanted || wanted(); }

// Who waits for another process or thread asks that often.
inline constexpr std::chrono::milliseconds kWantedInterval{30};

// Takes a place of a semaphore, waiting for one; false: it is not wanted any more.
template <class Semaphore>
bool acquire_wanted(Semaphore& places, const Wanted& wanted) {
  while (is_wanted(wanted)) {
    if (places.try_acquire_for(kWantedInterval)) return true;
  }
  return false;
}

}  // namespace glmv
