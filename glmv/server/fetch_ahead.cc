#include "glmv/server/fetch_ahead.h"

#include <algorithm>

#include "glmv/base/check.h"

namespace glmv::server {
namespace {

// Downloads at once, and pictures that wait to be taken.
constexpr size_t kAhead = 4;

}  // namespace

FetchAhead::FetchAhead(const net::MediaFetcher& fetcher, std::vector<Download> downloads,
                       std::chrono::milliseconds all, std::function<bool()> wanted)
    : fetcher_(fetcher),
      downloads_(std::move(downloads)),
      wanted_(std::move(wanted)),
      end_(std::chrono::steady_clock::now() + all) {
  const size_t num_threads = std::min(downloads_.size(), kAhead);
  for (size_t i = 0; i < num_threads; ++i) threads_.emplace_back([this] { work(); });
}

FetchAhead::~FetchAhead() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
}

FetchAhead::Fetched FetchAhead::take() {
  std::unique_lock lock(mutex_);
  GLMV_CHECK(next_to_take_ < downloads_.size());
  const size_t index = next_to_take_;
  changed_.wait(lock, [&] { return fetched_.contains(index); });
  Fetched fetched = std::move(fetched_.extract(index).mapped());
  ++next_to_take_;
  changed_.notify_all();
  return fetched;
}

void FetchAhead::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] {
      return ending_ || next_to_fetch_ == downloads_.size() ||
             next_to_fetch_ < next_to_take_ + kAhead;
    });
    if (ending_ || next_to_fetch_ == downloads_.size()) return;
    const size_t index = next_to_fetch_++;
    lock.unlock();
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
    const Download& download = downloads_[index];
    const net::FetchLimits limits{download.max_bytes, std::min(download.deadline, left)};
    Fetched fetched = fetcher_.fetch(download.url, limits,
                                     [this] { return !ending_ && (!wanted_ || wanted_()); });
    lock.lock();
    fetched_.emplace(index, std::move(fetched));
    changed_.notify_all();
  }
}

}  // namespace glmv::server
