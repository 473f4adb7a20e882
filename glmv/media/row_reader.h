#pragma once
// Pictures that are used while they are decoded: a JPEG's rows come one after the other from one
// thread, and what follows needs only the first few of them to begin.

#include <atomic>

#include "glmv/media/image.h"

namespace glmv::media {

// How many rows of a picture are there. Set by the thread that decodes, waited for by any others.
class RowProgress {
 public:
  // Rows [0, num_rows) are there.
  void set(int num_rows) {
    rows_.store(num_rows, std::memory_order_release);
    rows_.notify_all();
  }
  // No more will come.
  void fail() { set(kFailed); }
  // Returns when num_rows rows are there; false when they will never be.
  bool wait_for(int num_rows) const {
    int there = rows_.load(std::memory_order_acquire);
    while (there >= 0 && there < num_rows) {
      rows_.wait(there, std::memory_order_acquire);
      there = rows_.load(std::memory_order_acquire);
    }
    return there >= 0;
  }

 private:
  static constexpr int kFailed = -1;
  std::atomic<int> rows_ = 0;
};

// Reads a picture while it is decoded. Called by the thread that decodes.
class RowReader {
 public:
  virtual ~RowReader() = default;

  // The size is known, and the rows will come as progress() says. The pixels stay where they are
  // until stop() or, of a picture that is decoded to its end, as long as the decoded picture.
  virtual void start(const ImageView& picture) = 0;
  // The picture is broken (progress() says so already): it may not be read after stop() returns.
  virtual void stop() = 0;

  RowProgress& progress() { return progress_; }

 private:
  RowProgress progress_;
};

}  // namespace glmv::media
