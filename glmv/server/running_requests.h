#pragma once
// Requests that are being answered, by id, so that others may end them.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

namespace glmv::server {

struct RequestSwitches {
  std::atomic<bool> cancelled = false;
  std::shared_ptr<std::atomic<bool>> end_thinking = std::make_shared<std::atomic<bool>>(false);
};

// Thread-safe.
class RunningRequests {
 public:
  // Listed while it lives. Of several with one id (a client chose it) all are meant.
  class Entry {
   public:
    Entry(RunningRequests& list, const std::string& id) : list_(list) {
      const std::lock_guard lock(list_.mutex_);
      place_ = list_.requests_.emplace(id, switches_);
    }
    ~Entry() {
      const std::lock_guard lock(list_.mutex_);
      list_.requests_.erase(place_);
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    const RequestSwitches& switches() const { return *switches_; }

   private:
    RunningRequests& list_;
    std::shared_ptr<RequestSwitches> switches_ = std::make_shared<RequestSwitches>();
    std::multimap<std::string, std::shared_ptr<RequestSwitches>, std::less<>>::iterator place_;
  };

  // `id` with or without the prefix that replies give it ("chatcmpl-"). False: none runs.
  bool cancel(std::string_view id) {
    return each(id, [](RequestSwitches& switches) { switches.cancelled = true; });
  }
  bool end_thinking(std::string_view id) {
    return each(id, [](RequestSwitches& switches) { *switches.end_thinking = true; });
  }

 private:
  template <class Action>
  bool each(std::string_view id, const Action& action) {
    const std::lock_guard lock(mutex_);
    auto [begin, end] = requests_.equal_range(id);
    if (begin == end) {
      for (const std::string_view prefix : {"chatcmpl-", "cmpl-", "resp_", "msg_"}) {
        if (!id.starts_with(prefix)) continue;
        std::tie(begin, end) = requests_.equal_range(id.substr(prefix.size()));
        break;
      }
    }
    for (auto it = begin; it != end; ++it) action(*it->second);
    return begin != end;
  }

  std::mutex mutex_;
  std::multimap<std::string, std::shared_ptr<RequestSwitches>, std::less<>> requests_;
};

}  // namespace glmv::server
