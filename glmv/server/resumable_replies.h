#pragma once
// Replies that outlive their connections. A request with the header X-Conversation-Id is answered
// to its end though its client goes; who comes back reads what it has missed
// (endpoints/streams.cc).

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glmv/net/http_types.h"
#include "glmv/server/access_log.h"

namespace glmv::server {

enum class ReplyOutcome { kRunning, kDone, kError, kCancelled };
std::string_view outcome_name(ReplyOutcome outcome);  // "running", "done", ...

// What one reply has sent so far. Thread-safe: one writer, any number of readers.
class RecordedReply {
 public:
  using Clock = std::chrono::steady_clock;

  // `total_bytes`: of all recordings.
  explicit RecordedReply(std::shared_ptr<std::atomic<int64_t>> total_bytes)
      : total_bytes_(std::move(total_bytes)) {}
  ~RecordedReply() { *total_bytes_ -= num_bytes_; }
  RecordedReply(const RecordedReply&) = delete;
  RecordedReply& operator=(const RecordedReply&) = delete;

  void start(int status, std::string content_type, bool streamed);
  // Where there is no room, all of it is forgotten.
  void add(const std::string& piece);
  // `whole`: the body came to its end. Once.
  void end(bool whole, ReplyOutcome outcome);
  // Whoever makes it is to stop.
  void cancel() { cancelled_ = true; }

  bool cancelled() const { return cancelled_; }
  bool forgotten() const { return forgotten_; }

  struct State {
    int status = 0;  // 0: not started
    std::string content_type;
    bool streamed = false;
    size_t num_pieces = 0;
    bool ended = false, whole = false;
    ReplyOutcome outcome = ReplyOutcome::kRunning;
    Clock::time_point end_time;
    int64_t end_unix_s = 0;
  };
  State state() const;
  // After piece `index` or the end is there, or `patience` over.
  State wait(size_t index, std::chrono::milliseconds patience) const;
  std::string piece(size_t index) const;

 private:
  const std::shared_ptr<std::atomic<int64_t>> total_bytes_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  State state_;
  std::vector<std::string> pieces_;
  int64_t num_bytes_ = 0;
  std::atomic<bool> cancelled_ = false, forgotten_ = false;
};

// Thread-safe. Conversations of different owners (names of API keys) are different ones.
class ResumableReplies {
 public:
  // The reply of a conversation before ends here: it is cancelled.
  std::shared_ptr<RecordedReply> open(const std::string& owner, const std::string& id);
  // Null: there is none, or its time is over.
  std::shared_ptr<RecordedReply> find(const std::string& owner, const std::string& id);
  // Ends it if it runs; what it has said stays to be read. False: there is none.
  bool cancel(const std::string& owner, const std::string& id);
  std::vector<std::pair<std::string, std::shared_ptr<RecordedReply>>> list(
      const std::string& owner);

 private:
  void drop_old();

  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<RecordedReply>> replies_;
  const std::shared_ptr<std::atomic<int64_t>> total_bytes_ =
      std::make_shared<std::atomic<int64_t>>(0);
};

// Writes to the client and to the recording. The client counts as gone when the reply is cancelled,
// and when the connection is gone and the rest is for nobody: see `nobody_returns`.
class ResumableReply final : public net::HttpReply {
 public:
  // `call`: knows by the end of the reply what ended it. `nobody_returns`: the server is ending.
  ResumableReply(net::HttpReply& reply, std::shared_ptr<RecordedReply> record, AccessRecord& call,
                 std::function<bool()> nobody_returns)
      : reply_(reply),
        record_(std::move(record)),
        call_(call),
        nobody_returns_(std::move(nobody_returns)) {}
  ~ResumableReply() override { end(false); }

  void send(int status, const net::HttpHeaders& headers, std::string body) override;
  void start(int status, const net::HttpHeaders& headers, std::string heartbeat,
             double heartbeat_seconds) override;
  bool write(std::string piece) override;
  void finish() override;
  void abort() override;
  bool client_gone() const override;

 private:
  void end(bool whole);

  net::HttpReply& reply_;
  const std::shared_ptr<RecordedReply> record_;
  AccessRecord& call_;
  const std::function<bool()> nobody_returns_;
  bool events_ = false;
  size_t num_events_ = 0;
};

}  // namespace glmv::server
