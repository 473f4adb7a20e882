#include "glmv/server/batch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/server/batch_line.h"

namespace glmv::server {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kLookInterval = 100ms;

// The answer of a handler, kept.
class KeptReply final : public net::HttpReply {
 public:
  explicit KeptReply(const std::atomic<bool>& stopped) : stopped_(stopped) {}

  void send(int status, const net::HttpHeaders& headers, std::string body) override {
    start(status, headers, {}, 0);
    this->body = std::move(body);
  }
  void start(int status, const net::HttpHeaders& headers, std::string, double) override {
    this->status = status;
    for (const auto& [name, value] : headers) {
      if (name == "x-request-id") request_id = value;
    }
  }
  bool write(std::string piece) override {
    body += piece;
    return !stopped_;
  }
  void finish() override {}
  void abort() override { status = 500; }
  bool client_gone() const override { return stopped_; }

  int status = 0;
  std::string request_id, body;

 private:
  const std::atomic<bool>& stopped_;
};

class FileBatch final : public Batch {
 public:
  FileBatch(fs::path input, fs::path output)
      : input_(std::move(input)), output_(std::move(output)) {}
  ~FileBatch() override {
    if (file_ >= 0) ::close(file_);
  }

  Result<void> prepare() {
    std::error_code error;
    if (fs::equivalent(input_, output_, error)) {
      return invalid_argument("{}: the answers need a file of their own", output_.string());
    }
    std::ifstream in(input_, std::ios::binary);
    if (!in) return not_found("{}: cannot be read", input_.string());
    if (!fs::is_regular_file(input_, error)) {  // it is read twice
      return invalid_argument("{}: is no plain file of requests", input_.string());
    }
    for (std::string line; std::getline(in, line);) progress_.num_lines += is_blank(line) ? 0 : 1;
    file_ = ::open(output_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0) {
      return invalid_argument("{}: cannot be written: {}", output_.string(), errno_text(errno));
    }
    if (!fs::is_regular_file(output_, error)) {
      return invalid_argument("{}: is no plain file; what it holds decides where to go on",
                              output_.string());
    }
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      return unavailable("{}: another run writes it; wait for that, or name another file",
                         output_.string());
    }
    return read_output();
  }

  const BatchProgress& progress() const override { return progress_; }

  Result<BatchProgress> run(Server& server, int concurrency,
                            const std::function<bool(const BatchProgress&)>& wanted) override {
    in_.open(input_, std::ios::binary);
    if (!in_) return not_found("{}: cannot be read", input_.string());
    std::atomic<int> num_running = concurrency;
    std::vector<std::jthread> workers;
    for (int i = 0; i < concurrency; ++i) {
      workers.emplace_back([&] {
        while (!stopped_) {
          const std::optional<BatchLine> line = next();
          if (!line) break;
          work(server, *line);
        }
        --num_running;
      });
    }
    while (num_running > 0) {
      if (!stopped_ && !wanted(snapshot())) {
        stopped_ = true;
        const std::lock_guard lock(mutex_);
        progress_.stopped = true;
      }
      std::this_thread::sleep_for(kLookInterval);
    }
    workers.clear();
    if (error_) return std::unexpected(*error_);
    return progress_;
  }

 private:
  // Which lines are answered, and where the last whole line ends.
  Result<void> read_output() {
    std::ifstream in(output_, std::ios::binary);
    int64_t end = 0;
    for (std::string text; std::getline(in, text);) {
      if (in.eof()) break;  // no line end: it was not written whole
      end += std::ssize(text) + 1;
      const auto json = parse_json(text, output_.string());
      if (!json || !json->is_object()) continue;
      if (const auto id = done_line(*json)) {
        done_lines_.insert(*id);
      } else if (const auto name = json->find("custom_id");
                 name != json->end() && name->is_string()) {
        done_ids_.insert(name->get<std::string>());
      }
    }
    if (::ftruncate(file_, end) != 0) {
      return invalid_argument("{}: cannot be repaired: {}", output_.string(), errno_text(errno));
    }
    progress_.num_skipped = std::min<int64_t>(
        progress_.num_lines, static_cast<int64_t>(done_ids_.size() + done_lines_.size()));
    return {};
  }

  BatchProgress snapshot() {
    const std::lock_guard lock(mutex_);
    return progress_;
  }

  // The next line that was not answered by an earlier run.
  std::optional<BatchLine> next() {
    const std::lock_guard lock(read_mutex_);
    for (std::string text; std::getline(in_, text);) {
      ++line_number_;
      if (is_blank(text) || done_lines_.contains(line_number_)) continue;
      BatchLine line = parse_batch_line(text, line_number_);
      if (line.error.empty() && !seen_ids_.insert(line.custom_id).second) {
        line.error = "another line has this custom_id; ids must be different";
        line.error_code = "duplicate_custom_id";
      }
      if (line.error.empty() && done_ids_.contains(line.custom_id)) continue;
      return line;
    }
    return std::nullopt;
  }

  void work(Server& server, const BatchLine& line) {
    if (!line.error.empty())
      return put(bad_line_json(line), [](BatchProgress& p) { ++p.num_bad_lines; });
    KeptReply reply(stopped_);
    try {
      server.handle(line.request, reply);
    } catch (const std::exception&) {
      reply.status = 500;
    }
    if (stopped_) return;  // cut short, as far as one can tell
    if (reply.status == 0) reply.status = 500;
    const Json json = answer_json(line.custom_id, reply.status, reply.request_id, reply.body);
    put(json, [&](BatchProgress& p) {
      ++(reply.status < 400 ? p.num_answered : p.num_failed);
      add_usage(json, p.prompt_tokens, p.completion_tokens);
    });
  }

  void put(const Json& json, const std::function<void(BatchProgress&)>& count) {
    const std::string text = wire_text(json) + "\n";
    const std::lock_guard lock(mutex_);
    if (error_) return;
    for (size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(file_, text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        error_ = Status{Code::kResourceExhausted,
                        fmt::format("{}: cannot be written: {}; run the command again to go on",
                                    output_.string(), errno_text(errno))};
        stopped_ = true;
        return;
      }
      done += static_cast<size_t>(n);
    }
    count(progress_);
  }

  const fs::path input_, output_;
  int file_ = -1;
  std::unordered_set<std::string> done_ids_;
  std::unordered_set<int64_t> done_lines_;  // without an id that says which
  std::mutex read_mutex_;
  std::ifstream in_;
  int64_t line_number_ = 0;
  std::unordered_set<std::string> seen_ids_;
  std::mutex mutex_;
  BatchProgress progress_;
  std::optional<Status> error_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Batch>> Batch::open(const fs::path& input, const fs::path& output) {
  auto batch = std::make_unique<FileBatch>(input, output);
  GLMV_RETURN_IF_ERROR(batch->prepare());
  return batch;
}

}  // namespace glmv::server
