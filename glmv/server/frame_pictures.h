#pragma once
// Pictures of frames that were read from uploaded videos: who looks at one looks at its neighbours.

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace glmv::server {

// Thread-safe. Those that nobody has asked for longest make room.
class FramePictures {
 public:
  explicit FramePictures(size_t max_bytes = size_t{32} << 20) : max_bytes_(max_bytes) {}

  // `upload`: its id, which is never given twice.
  void add(std::string_view upload, int64_t frame, std::string png) {
    const std::lock_guard lock(mutex_);
    if (place_of(upload, frame) != entries_.end() || png.size() > max_bytes_) return;
    num_bytes_ += png.size();
    entries_.push_front({std::string(upload), frame, std::move(png)});
    while (num_bytes_ > max_bytes_) {
      num_bytes_ -= entries_.back().png.size();
      entries_.pop_back();
    }
  }
  std::optional<std::string> find(std::string_view upload, int64_t frame) {
    const std::lock_guard lock(mutex_);
    const auto place = place_of(upload, frame);
    if (place == entries_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, place);
    return place->png;
  }

 private:
  struct Entry {
    std::string upload;
    int64_t frame;
    std::string png;
  };
  // A few hundred entries at most.
  std::list<Entry>::iterator place_of(std::string_view upload, int64_t frame) {
    auto it = entries_.begin();
    while (it != entries_.end() && (it->frame != frame || it->upload != upload)) ++it;
    return it;
  }

  const size_t max_bytes_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // used last first
  size_t num_bytes_ = 0;
};

}  // namespace glmv::server
