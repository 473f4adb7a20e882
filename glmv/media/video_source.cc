#include "glmv/media/video_source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "glmv/base/files.h"
#include "glmv/media/file_url.h"
#include "glmv/media/source.h"

namespace glmv::media {
namespace {

constexpr size_t kReadAtOnce = size_t{1} << 20;

Result<VideoSource> open_file(const std::string& path) {
  const std::string name = "video " + short_name(path);
  if (path.empty() || path.find('\0') != path.npos) {
    return invalid_argument("{}: no path of a file", name);
  }
  // A pipe would be waited for.
  auto file = std::make_shared<const Fd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file->ok() && errno == ENOENT) return not_found("{}: no such file", name);
  if (!file->ok()) return invalid_argument("{}: cannot be read: {}", name, errno_text(errno));
  struct stat info{};
  if (::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return invalid_argument("{}: not a regular file", name);
  }
  return VideoSource{std::move(file), name};
}

}  // namespace

Result<std::shared_ptr<const Fd>> file_of_bytes(std::string_view bytes) {
  auto file = std::make_shared<const Fd>(::memfd_create("video", MFD_CLOEXEC));
  if (!file->ok()) return unavailable("no file in memory: {}", errno_text(errno));
  while (!bytes.empty()) {
    const ssize_t written = ::write(file->get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return resource_exhausted("no memory for the file: {}", errno_text(errno));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return file;
}

Result<Digest> digest_of(const Fd& file) {
  std::vector<std::byte> bytes(kReadAtOnce);
  Sha256 hash;
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(file.get(), bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unavailable("cannot be read: {}", errno_text(errno));
    if (n == 0) return hash.digest();
    hash.add(std::span(bytes).first(static_cast<size_t>(n)));
    at += n;
  }
}

Result<std::shared_ptr<const Fd>> reopen(const Fd& file) {
  const std::string path = fmt::format("/proc/self/fd/{}", file.get());
  auto again = std::make_shared<const Fd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!again->ok()) return unavailable("{}: {}", path, errno_text(errno));
  return again;
}

Result<VideoSource> open_video_source(std::string_view source) {
  if (has_prefix_ignoring_case(source, "data:")) {
    GLMV_ASSIGN(const SourceBytes loaded, load_source(source));
    GLMV_ASSIGN(auto file, file_of_bytes(loaded.bytes));
    return VideoSource{std::move(file), loaded.name};
  }
  if (has_prefix_ignoring_case(source, "file://")) {
    auto path = file_url_path(source);
    if (!path) return in_context("video " + short_name(source), path.error());
    return open_file(*path);
  }
  if (source.substr(0, 32).find("://") != source.npos) {
    return unsupported("video {}: only files are read here; save it and give its path",
                       short_name(source));
  }
  return open_file(std::string(source));
}

}  // namespace glmv::media
