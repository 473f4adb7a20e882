#include "glmv/media/video_cutter.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <new>

#include "glmv/base/child_side.h"
#include "glmv/base/files.h"
#include "glmv/base/sandbox.h"
#include "glmv/media/child_error.h"

namespace glmv::media {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Order {
  CutRequest request;
  double max_seconds = 0;
  uint64_t max_memory_bytes = 0;
};

// Bytes of the file (size > 0, which follow), or the end: a report or an error.
struct Piece {
  uint64_t offset = 0;
  uint32_t size = 0;
  ChildError error;
  CutReport report;
};

constexpr uint32_t kMaxPieceBytes = 1 << 20;

Result<void> put_at(const Fd& file, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return resource_exhausted("cannot be written: {}", errno_text(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

// Removed unless it is kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path)
      : path_(std::move(path)),
        file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {}
  ~TemporaryFile() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
  }
  const Fd& file() const { return file_; }
  Result<void> keep_as(const fs::path& path) {
    std::error_code error;
    fs::rename(path_, path, error);
    if (error) return invalid_argument("{}: {}", path.string(), error.message());
    path_.clear();
    return {};
  }

 private:
  fs::path path_;
  Fd file_;
};

Result<CutReport> receive(ChildProcess& process, const Order& order, Clock::time_point end,
                          const Fd& file) {
  std::string bytes;
  while (true) {
    Piece piece;
    if (!process.receive(&piece, sizeof piece, end)) {
      return unavailable("the video broke its demuxer, or took too long");
    }
    if (piece.error.code >= 0) return std::unexpected(piece.error.status());
    if (piece.size == 0) return piece.report;
    if (piece.size > kMaxPieceBytes || piece.offset > order.request.max_bytes ||
        piece.offset + piece.size > order.request.max_bytes) {
      return unavailable("the cutting process gives impossible numbers");
    }
    bytes.resize(piece.size);
    if (!process.receive(bytes.data(), bytes.size(), end)) {
      return unavailable("the cutting process ended in the middle of a file");
    }
    GLMV_RETURN_IF_ERROR(put_at(file, piece.offset, bytes));
  }
}

}  // namespace

Result<std::pair<fs::path, CutReport>> VideoCutter::cut(std::shared_ptr<const Fd> file,
                                                        const CutRequest& request,
                                                        const fs::path& path) const {
  if (!file->ok()) return invalid_argument("no regular file");
  TemporaryFile temporary(path.parent_path() /
                          fmt::format(".{}-{}", ::getpid(), path.filename().string()));
  if (!temporary.file().ok()) {
    return invalid_argument("{}: cannot be written: {}", path.string(), errno_text(errno));
  }
  auto process = ChildProcess::start(options_.command, file->get());
  if (!process) return internal_error("{}", process.error().message);
  const Order order{request, options_.max_seconds, options_.max_memory_bytes};
  const auto end = Clock::now() + std::chrono::ceil<std::chrono::milliseconds>(
                                      std::chrono::duration<double>(options_.max_seconds + 5));
  if (!process->send(&order, sizeof order, end)) {
    return unavailable("the cutting process is gone");
  }
  auto report = receive(*process, order, end, temporary.file());
  if (!report) return in_context(path.string(), report.error());
  fs::path whole = path;
  whole += report->is_matroska ? ".mkv" : ".mp4";
  GLMV_RETURN_IF_ERROR(temporary.keep_as(whole));
  return std::pair(whole, *report);
}

Result<void> serve_video_cut(int socket) {
  stand_behind_parent();
  end_with_parent(socket);
  Order order;
  GLMV_ASSIGN(const bool asked, read_all(socket, &order, sizeof order));
  if (!asked) return {};
  // Without a filter of system calls the other limits still hold.
  (void)enter_sandbox({.max_memory_bytes = order.max_memory_bytes});
  limit_time(order.max_seconds, order.max_seconds + 2);
  Result<void> sent;
  const WriteAt write = [&](uint64_t offset, std::string_view bytes) {
    const Piece piece{.offset = offset, .size = static_cast<uint32_t>(bytes.size())};
    sent = write_all(socket, &piece, sizeof piece);
    if (sent) sent = write_all(socket, bytes.data(), bytes.size());
    return sent.has_value();
  };
  Piece last;
  try {
    const auto report = cut_video(std::make_shared<const Fd>(kChildFile), order.request, write);
    if (report) {
      last.report = *report;
    } else {
      last.error.set(report.error());
    }
  } catch (const std::bad_alloc&) {
    last.error.set({Code::kResourceExhausted, "no memory"});
  }
  GLMV_RETURN_IF_ERROR(sent);
  return write_all(socket, &last, sizeof last);
}

}  // namespace glmv::media
