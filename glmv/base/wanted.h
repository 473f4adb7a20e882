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

}  // namespace glmv
