#pragma once
// One line of JSON for each request: who asked for what, how it ended, how long it took. Never what
// was said: no prompt, no answer, no picture, no key.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::server {

struct AccessRecord {
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  int64_t start_us = 0;  // since 1970
  std::string request_id, method, path, peer, user_agent;
  std::string key;          // the name of the key; empty: none
  std::string traceparent;  // W3C; trace_context()
  int status = 0;
  int64_t reply_bytes = 0;  // of the body
  double ms = 0;
  bool client_gone = false;
  std::mutex mutex;     // of what follows, which the choices of a reply write
  std::string error;    // code of what ended it, also in the middle of a stream; "cancelled"
  double ttft_ms = -1;  // -1: not known, as the tokens
  int64_t prompt_tokens = -1, completion_tokens = -1;
};

// The line without its end.
std::string access_line(const AccessRecord& record);

// What is to stand in the log for a `traceparent` header: itself if it is well formed (W3C Trace
// Context, version 00), else a fresh one.
std::string trace_context(std::string_view header);

// Writes on a thread of its own; who logs never waits. Thread-safe.
class AccessLog {
 public:
  // `path`: appended to; "-": standard output. `warn` is told once, on the writing thread, that
  // lines are lost. Errors: invalid_argument when the file cannot be opened.
  static Result<std::shared_ptr<AccessLog>> open(const std::string& path,
                                                 std::function<void(const std::string&)> warn);
  // Writes what waits, for a second at most.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void write(const AccessRecord& record);
  // Opens the path anew, after a rotation has renamed the file.
  void reopen() { reopen_ = true; }
  // Lines that were lost: the disk was full, or the reader too slow.
  int64_t num_dropped() const { return num_dropped_; }

 private:
  AccessLog(std::string path, int file, std::function<void(const std::string&)> warn);
  void run();
  void write_lines(const std::vector<std::string>& lines);
  bool write_line(const std::string& line);
  void drop(size_t num, const std::string& why);
  void open_again();

  const std::string path_;
  const std::function<void(const std::string&)> warn_;
  int file_;
  bool torn_ = false;  // the last line was not written whole
  bool warned_ = false;
  std::atomic<int64_t> num_dropped_ = 0;
  std::atomic<bool> reopen_ = false;
  std::atomic<bool> hurry_ = false;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::string> waiting_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace glmv::server
