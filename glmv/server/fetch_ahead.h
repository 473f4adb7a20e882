#pragma once
// Downloads of one request's pictures, a few side by side, while those before are decoded.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <expected>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "glmv/net/media_fetcher.h"

namespace glmv::server {

class FetchAhead {
 public:
  using Fetched = std::expected<std::string, net::FetchFault>;

  struct Download {
    std::string url;
    size_t max_bytes = 0;
    std::chrono::milliseconds deadline{0};  // how long it may take
  };
  // Begins. `all`: how long all may take together, what is done between them included. `wanted` is
  // asked on several threads; false ends the downloads. What is given by reference lives longer.
  FetchAhead(const net::MediaFetcher& fetcher, std::vector<Download> downloads,
             std::chrono::milliseconds all, std::function<bool()> wanted);
  ~FetchAhead();
  FetchAhead(const FetchAhead&) = delete;
  FetchAhead& operator=(const FetchAhead&) = delete;

  // The next one, in order; waits for it.
  Fetched take();

 private:
  void work();

  const net::MediaFetcher& fetcher_;
  const std::vector<Download> downloads_;
  const std::function<bool()> wanted_;
  const std::chrono::steady_clock::time_point end_;

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_to_fetch_ = 0, next_to_take_ = 0;
  std::map<size_t, Fetched> fetched_;
  std::atomic<bool> ending_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace glmv::server
