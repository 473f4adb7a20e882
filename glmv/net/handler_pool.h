#pragma once
// Threads that run handlers: as many as there is work for, up to a limit. Private to this folder.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace glmv::net {

class HandlerPool {
 public:
  explicit HandlerPool(int max_threads) : max_threads_(max_threads) {}
  // Runs what is left, then ends.
  ~HandlerPool() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  void post(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    ++num_active_;
    if (num_idle_ < static_cast<int>(jobs_.size()) &&
        static_cast<int>(threads_.size()) < max_threads_) {
      threads_.emplace_back([this] { run(); });
    }
    work_.notify_one();
  }

  // Jobs that wait or run.
  int num_active() const {
    const std::lock_guard lock(mutex_);
    return num_active_;
  }
  bool wait_idle(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return done_.wait_for(lock, timeout, [this] { return num_active_ == 0; });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++num_idle_;
      work_.wait(lock, [this] { return !jobs_.empty() || ending_; });
      --num_idle_;
      if (jobs_.empty()) return;
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
      if (--num_active_ == 0) done_.notify_all();
    }
  }

  const int max_threads_;
  mutable std::mutex mutex_;
  std::condition_variable work_, done_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  int num_idle_ = 0;
  int num_active_ = 0;
  bool ending_ = false;
};

}  // namespace glmv::net
