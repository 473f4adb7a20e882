#pragma once
// How far the media of a prompt are, told by the thread that prepares them to one that watches, and
// back the word that nobody waits for them any more.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "glmv/base/wanted.h"

namespace glmv::processing {

enum class MediaUnit {
  kNone,    // it is being read: how much of it is there cannot be told
  kPages,   // of a document, rendered
  kFrames,  // of a video, decoded
};

struct PreparationStep {
  std::string name;  // of the file; empty: nothing is read yet
  MediaUnit unit = MediaUnit::kNone;
  int64_t done = 0, total = 0;
};

// Thread-safe.
class Preparation {
 public:
  // A file is read from now on.
  void begin(std::string name) {
    const std::lock_guard lock(mutex_);
    step_ = {.name = std::move(name)};
  }
  void count(MediaUnit unit, int64_t done, int64_t total) {
    const std::lock_guard lock(mutex_);
    step_.unit = unit;
    step_.done = done;
    step_.total = total;
  }
  PreparationStep step() const {
    const std::lock_guard lock(mutex_);
    return step_;
  }

  void stop() { stopped_ = true; }
  bool is_stopped() const { return stopped_; }

 private:
  mutable std::mutex mutex_;
  PreparationStep step_;
  std::atomic<bool> stopped_ = false;
};

// For those who work; `preparation` may be null and outlives what is returned.
inline Wanted wanted_by(const Preparation* preparation) {
  if (preparation == nullptr) return {};
  return [preparation] { return !preparation->is_stopped(); };
}

}  // namespace glmv::processing
