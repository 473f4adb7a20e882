#include "glmv/server/resumable_replies.h"

#include <algorithm>
#include <ctime>

#include "glmv/base/result.h"

namespace glmv::server {
namespace {

constexpr int64_t kMaxReplyBytes = int64_t{32} << 20;
constexpr int64_t kMaxTotalBytes = int64_t{256} << 20;
constexpr size_t kMaxReplies = 1024;
constexpr std::chrono::minutes kKeepEnded{10};

std::string content_type_of(const net::HttpHeaders& headers) {
  for (const auto& [name, value] : headers) {
    if (name == "Content-Type") return value;
  }
  return {};
}

}  // namespace

std::string_view outcome_name(ReplyOutcome outcome) {
  switch (outcome) {
    case ReplyOutcome::kRunning:
      return "running";
    case ReplyOutcome::kDone:
      return "done";
    case ReplyOutcome::kError:
      return "error";
    case ReplyOutcome::kCancelled:
      return "cancelled";
  }
  return "error";
}

void RecordedReply::start(int status, std::string content_type, bool streamed) {
  const std::lock_guard lock(mutex_);
  state_.status = status;
  state_.content_type = std::move(content_type);
  state_.streamed = streamed;
  changed_.notify_all();
}

void RecordedReply::add(const std::string& piece) {
  const std::lock_guard lock(mutex_);
  if (forgotten_) return;
  const auto bytes = static_cast<int64_t>(piece.size() + sizeof(piece));
  num_bytes_ += bytes;
  *total_bytes_ += bytes;
  if (num_bytes_ > kMaxReplyBytes || *total_bytes_ > kMaxTotalBytes) {
    forgotten_ = true;
    *total_bytes_ -= std::exchange(num_bytes_, 0);
    pieces_ = {};
  } else {
    pieces_.push_back(piece);
    state_.num_pieces = pieces_.size();
  }
  changed_.notify_all();
}

void RecordedReply::end(bool whole, ReplyOutcome outcome) {
  const std::lock_guard lock(mutex_);
  if (state_.ended) return;
  state_.ended = true;
  state_.whole = whole;
  state_.outcome = outcome;
  state_.end_time = Clock::now();
  state_.end_unix_s = std::time(nullptr);
  changed_.notify_all();
}

RecordedReply::State RecordedReply::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

RecordedReply::State RecordedReply::wait(size_t index, std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience,
                    [&] { return state_.ended || forgotten_ || index < state_.num_pieces; });
  return state_;
}

std::string RecordedReply::piece(size_t index) const {
  const std::lock_guard lock(mutex_);
  return index < pieces_.size() ? pieces_[index] : std::string();
}

std::shared_ptr<RecordedReply> ResumableReplies::open(const std::string& owner,
                                                      const std::string& id) {
  const std::lock_guard lock(mutex_);
  drop_old();
  auto& place = replies_[{owner, id}];
  if (place != nullptr) place->cancel();
  place = std::make_shared<RecordedReply>(total_bytes_);
  return place;
}

std::shared_ptr<RecordedReply> ResumableReplies::find(const std::string& owner,
                                                      const std::string& id) {
  const std::lock_guard lock(mutex_);
  drop_old();
  const auto it = replies_.find({owner, id});
  return it == replies_.end() || it->second->forgotten() ? nullptr : it->second;
}

bool ResumableReplies::cancel(const std::string& owner, const std::string& id) {
  const std::lock_guard lock(mutex_);
  drop_old();
  const auto it = replies_.find({owner, id});
  if (it == replies_.end()) return false;
  it->second->cancel();
  return true;
}

std::vector<std::pair<std::string, std::shared_ptr<RecordedReply>>> ResumableReplies::list(
    const std::string& owner) {
  const std::lock_guard lock(mutex_);
  drop_old();
  std::vector<std::pair<std::string, std::shared_ptr<RecordedReply>>> found;
  for (const auto& [key, reply] : replies_) {
    if (key.first == owner && !reply->forgotten()) found.emplace_back(key.second, reply);
  }
  return found;
}

// What ended long ago; where there are too many or too large ones, those that ended first.
void ResumableReplies::drop_old() {
  const auto now = RecordedReply::Clock::now();
  std::vector<std::pair<RecordedReply::Clock::time_point, decltype(replies_)::key_type>> ended;
  for (const auto& [key, reply] : replies_) {
    const RecordedReply::State state = reply->state();
    if (state.ended) ended.emplace_back(state.end_time, key);
  }
  std::ranges::sort(ended);
  for (const auto& [time, key] : ended) {
    const bool full = replies_.size() >= kMaxReplies || *total_bytes_ > kMaxTotalBytes / 2;
    if (!full && now - time < kKeepEnded) break;
    replies_.erase(key);
  }
}

void ResumableReply::send(int status, const net::HttpHeaders& headers, std::string body) {
  record_->start(status, content_type_of(headers), false);
  record_->add(body);
  end(true);
  reply_.send(status, headers, std::move(body));
}

void ResumableReply::start(int status, const net::HttpHeaders& headers, std::string heartbeat,
                           double heartbeat_seconds) {
  const std::string type = content_type_of(headers);
  events_ = type.starts_with("text/event-stream");
  record_->start(status, type, true);
  reply_.start(status, headers, std::move(heartbeat), heartbeat_seconds);
}

bool ResumableReply::write(std::string piece) {
  if (events_) piece.insert(0, fmt::format("id: {}\n", num_events_++));
  record_->add(piece);
  reply_.write(std::move(piece));
  return !client_gone();
}

void ResumableReply::finish() {
  end(true);
  reply_.finish();
}

void ResumableReply::abort() {
  end(false);
  reply_.abort();
}

void ResumableReply::end(bool whole) {
  const std::lock_guard lock(call_.mutex);
  const bool good = whole && call_.error.empty();
  record_->end(whole, call_.error == "cancelled" ? ReplyOutcome::kCancelled
                      : good                     ? ReplyOutcome::kDone
                                                 : ReplyOutcome::kError);
}

bool ResumableReply::client_gone() const {
  if (record_->cancelled()) return true;
  return reply_.client_gone() && (record_->forgotten() || nobody_returns_());
}

}  // namespace glmv::server
