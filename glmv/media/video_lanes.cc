#include "glmv/media/video_lanes.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

namespace glmv::media {
namespace {

// Shorter stretches than so many frames are not shared out by themselves.
constexpr int64_t kLeastUnitFrames = 16;
// Of frames that wait to be handed over, for each unit.
constexpr size_t kMaxWaitingBytes = size_t{32} << 20;

// Lanes take units in order and may be so far ahead of the one that is handed over.
class Exchange {
 public:
  Exchange(const std::vector<std::span<const int64_t>>& units, size_t max_ahead)
      : units_(units), waiting_(units.size()), max_ahead_(max_ahead) {}

  // The work of one lane.
  void run_lane(FrameDecoder& decoder, FramesWanted wanted) {
    while (true) {
      const size_t i = take_unit();
      if (i == units_.size()) return;
      wanted.indices = units_[i];
      wanted.stopped = &stopped_;
      Result<void> done;
      try {
        done = decoder.read_from_key(
            wanted, [&](int64_t index, Image frame) { return put(i, index, std::move(frame)); });
      } catch (const std::bad_alloc&) {
        done = resource_exhausted("no memory for its frames");
      }
      const std::lock_guard lock(mutex_);
      waiting_[i].done = true;
      waiting_[i].result = std::move(done);
      changed_.notify_all();
    }
  }

  // Hands all over; how many.
  Result<size_t> hand_over(const OnFrame& on_frame) {
    size_t num_given = 0;
    for (size_t i = 0; i < units_.size(); ++i) {
      while (auto frame = next_of(i)) {
        if (!on_frame(frame->index, std::move(frame->image))) {
          return cancelled("reading a video was stopped");
        }
        ++num_given;
      }
      const Result<void>& result = waiting_[i].result;  // its lane is done with it
      if (result) continue;
      if (result.error().code == Code::kResourceExhausted) return std::unexpected(result.error());
      return num_given;
    }
    return num_given;
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  struct Frame {
    int64_t index = 0;
    Image image;
  };
  struct Waiting {
    std::deque<Frame> frames;
    size_t num_bytes = 0;
    bool done = false;
    Result<void> result;
  };

  // The number of all units: there are no more.
  size_t take_unit() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || next_ < current_ + max_ahead_; });
    return stopped_ || next_ == units_.size() ? units_.size() : next_++;
  }

  bool put(size_t i, int64_t index, Image image) {
    std::unique_lock lock(mutex_);
    Waiting& unit = waiting_[i];
    changed_.wait(lock, [&] { return stopped_ || unit.num_bytes < kMaxWaitingBytes; });
    if (stopped_) return false;
    unit.num_bytes += image.data.size();
    unit.frames.push_back({index, std::move(image)});
    changed_.notify_all();
    return true;
  }

  std::optional<Frame> next_of(size_t i) {
    std::unique_lock lock(mutex_);
    current_ = i;
    changed_.notify_all();
    Waiting& unit = waiting_[i];
    changed_.wait(lock, [&] { return unit.done || !unit.frames.empty(); });
    if (unit.frames.empty()) return std::nullopt;
    Frame frame = std::move(unit.frames.front());
    unit.frames.pop_front();
    unit.num_bytes -= frame.image.data.size();
    changed_.notify_all();
    return frame;
  }

  const std::vector<std::span<const int64_t>>& units_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;  // by unit
  const size_t max_ahead_;
  size_t next_ = 0;     // unit that no lane has taken
  size_t current_ = 0;  // unit that is handed over
  std::atomic<bool> stopped_ = false;
};

}  // namespace

std::vector<std::span<const int64_t>> VideoLanes::units_of(std::span<const int64_t> indices) const {
  std::vector<std::span<const int64_t>> units;
  size_t begin = 0;
  int64_t begin_key = indices.empty() ? 0 : container_.key_frame(indices[0]);
  for (size_t i = 1; i < indices.size(); ++i) {
    const int64_t key = container_.key_frame(indices[i]);
    if (key < begin_key + kLeastUnitFrames) continue;
    if (key == container_.key_frame(indices[i - 1])) continue;
    units.push_back(indices.subspan(begin, i - begin));
    begin = i;
    begin_key = key;
  }
  if (begin < indices.size()) units.push_back(indices.subspan(begin));
  return units;
}

Result<void> VideoLanes::open_lanes(size_t count) {
  while (lanes_.size() < count) {
    GLMV_ASSIGN(auto container, container_.again(limits_));
    GLMV_ASSIGN(auto lane, FrameDecoder::create(std::move(container), limits_, 1));
    lanes_.push_back(std::move(lane));
  }
  return {};
}

Result<size_t> VideoLanes::read(const FramesWanted& wanted, const OnFrame& on_frame) {
  if (container_.times().empty()) return 0;
  const auto units = units_of(wanted.indices);
  const size_t count =
      std::min(units.size(), static_cast<size_t>(std::max(limits_.num_threads, 1)));
  if (count < 2) return 0;
  GLMV_RETURN_IF_ERROR(open_lanes(count));
  Exchange exchange(units, 2 * count);
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] { exchange.run_lane(*lanes_[i], wanted); });
  }
  // Before the threads are waited for, whatever happens.
  const std::unique_ptr<Exchange, decltype([](Exchange* e) { e->stop(); })> stopper(&exchange);
  return exchange.hand_over(on_frame);
}

}  // namespace glmv::media
