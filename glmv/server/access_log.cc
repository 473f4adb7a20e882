#include "glmv/server/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <ctime>
#include <random>
#include <utility>

#include "glmv/base/files.h"
#include "glmv/base/json.h"

namespace glmv::server {
namespace {

using namespace std::chrono_literals;

// Of what a client sent.
constexpr size_t kMaxTextBytes = 256;
constexpr size_t kMaxWaitingLines = 16384;
constexpr size_t kTraceSize = 55;

std::string time_text(int64_t us) {
  const std::time_t seconds = us / 1'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  return fmt::format("{}.{:03d}Z", std::string_view(text, size), us / 1000 % 1000);
}

double rounded(double ms) { return std::round(ms * 10) / 10; }

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool all_zero(std::string_view text) { return text.find_first_not_of('0') == text.npos; }

}  // namespace

std::string access_line(const AccessRecord& record) {
  const auto cut = [](const std::string& text) { return text.substr(0, kMaxTextBytes); };
  Json line = {{"ts", time_text(record.start_us)}, {"request_id", record.request_id},
               {"method", cut(record.method)},     {"path", cut(record.path)},
               {"status", record.status},          {"bytes", record.reply_bytes},
               {"ms", rounded(record.ms)}};
  if (record.ttft_ms >= 0) line["ttft_ms"] = rounded(record.ttft_ms);
  if (record.prompt_tokens >= 0) line["prompt_tokens"] = record.prompt_tokens;
  if (record.completion_tokens >= 0) line["completion_tokens"] = record.completion_tokens;
  if (!record.key.empty()) line["key"] = cut(record.key);
  line["peer"] = record.peer;
  if (!record.user_agent.empty()) line["user_agent"] = cut(record.user_agent);
  line["traceparent"] = record.traceparent;
  if (record.client_gone) line["client_gone"] = true;
  if (!record.error.empty()) line["error"] = record.error;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string trace_context(std::string_view header) {
  const bool valid = header.size() == kTraceSize && header.starts_with("00-") &&
                     header[35] == '-' && header[52] == '-' && is_lower_hex(header.substr(3, 32)) &&
                     is_lower_hex(header.substr(36, 16)) && is_lower_hex(header.substr(53)) &&
                     !all_zero(header.substr(3, 32)) && !all_zero(header.substr(36, 16));
  if (valid) return std::string(header);
  static thread_local std::random_device device;
  // The last word of each is not zero.
  return fmt::format("00-{:08x}{:08x}{:08x}{:08x}-{:08x}{:08x}-00", device(), device(), device(),
                     device() | 1u, device(), device() | 1u);
}

Result<std::shared_ptr<AccessLog>> AccessLog::open(const std::string& path,
                                                   std::function<void(const std::string&)> warn) {
  const int file = path == "-"
                       ? ::dup(STDOUT_FILENO)
                       : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (file < 0)
    return invalid_argument("cannot write the access log {}: {}", path, errno_text(errno));
  return std::shared_ptr<AccessLog>(new AccessLog(path, file, std::move(warn)));
}

AccessLog::AccessLog(std::string path, int file, std::function<void(const std::string&)> warn)
    : path_(std::move(path)), warn_(std::move(warn)), file_(file), thread_([this] { run(); }) {}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  hurry_ = true;
  ready_.notify_all();
  thread_.join();
  ::close(file_);
}

void AccessLog::write(const AccessRecord& record) {
  std::string line = access_line(record) + "\n";
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMaxWaitingLines) {
      ++num_dropped_;
      return;
    }
    waiting_.push_back(std::move(line));
  }
  ready_.notify_one();
}

void AccessLog::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait_for(lock, 200ms, [this] { return ending_ || !waiting_.empty(); });
    const std::vector<std::string> lines = std::exchange(waiting_, {});
    const bool last = ending_ && lines.empty();
    lock.unlock();
    if (reopen_.exchange(false)) open_again();
    write_lines(lines);
    if (last) return;
    lock.lock();
  }
}

void AccessLog::open_again() {
  if (path_ == "-") return;
  const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (file < 0) {  // the old one still takes lines
    warn_(fmt::format("cannot open the access log {} again: {}", path_, errno_text(errno)));
    return;
  }
  ::close(std::exchange(file_, file));
  torn_ = false;
}

void AccessLog::write_lines(const std::vector<std::string>& lines) {
  for (size_t i = 0; i < lines.size(); ++i) {
    if (write_line(lines[i])) continue;
    const int why = errno;
    const size_t num = hurry_ ? lines.size() - i : 1;
    drop(num, errno_text(why));
    if (hurry_) return;
  }
}

// A pipe with room takes what is below PIPE_BUF at once, and a line is: its parts are cut.
bool AccessLog::write_line(const std::string& line) {
  pollfd room{file_, POLLOUT, 0};
  if (::poll(&room, 1, 1000) == 0) {
    errno = EAGAIN;
    return false;
  }
  const std::string text = torn_ ? "\n" + line : line;
  const ssize_t n = ::write(file_, text.data(), text.size());
  if (n == static_cast<ssize_t>(text.size())) {
    torn_ = false;
    return true;
  }
  if (n >= 0) errno = ENOSPC;
  torn_ = torn_ || n > 0;
  return false;
}

void AccessLog::drop(size_t num, const std::string& why) {
  num_dropped_ += static_cast<int64_t>(num);
  if (std::exchange(warned_, true)) return;
  warn_(fmt::format("lines of the access log {} are lost: {}; the metrics count them", path_, why));
}

}  // namespace glmv::server
