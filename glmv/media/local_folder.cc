#include "glmv/media/local_folder.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "glmv/base/fd.h"
#include "glmv/base/files.h"

namespace glmv::media {
namespace {

constexpr int kFileFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

// Without slashes at the end.
std::string trimmed(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// What follows "FOLDER/", if the path begins so.
std::string_view below(std::string_view path, std::string_view folder) {
  if (folder == "/") return path.starts_with('/') ? path.substr(1) : std::string_view();
  const bool inside =
      path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
  return inside ? path.substr(folder.size() + 1) : std::string_view();
}

// No part is empty, "." or "..".
bool is_plain(std::string_view path) {
  while (true) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    if (part.size() == path.size()) return true;
    path.remove_prefix(part.size() + 1);
  }
}

}  // namespace

namespace internal {

int open_beneath_by_parts(int folder, const std::string& path) {
  int current = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);
  for (size_t begin = 0; current >= 0;) {
    const size_t slash = path.find('/', begin);
    const bool last = slash == std::string::npos;
    const std::string part = path.substr(begin, last ? slash : slash - begin);
    const int flags = last ? kFileFlags : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const int next = ::openat(current, part.c_str(), flags);
    const int error = errno;
    ::close(current);
    errno = error;
    if (last) return next;
    current = next;
    begin = slash + 1;
  }
  return -1;
}

int open_beneath(int folder, const std::string& path) {
  open_how how{};
  how.flags = kFileFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  while (true) {
    const auto file =
        static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
    if (file >= 0) return file;
    if (errno == EINTR || errno == EAGAIN) continue;  // a rename nearby
    // No such call, or one that a container forbids.
    if (errno == ENOSYS || errno == EPERM || errno == EINVAL)
      return open_beneath_by_parts(folder, path);
    return -1;
  }
}

}  // namespace internal

Result<LocalFolder> LocalFolder::open(const std::filesystem::path& folder, bool allow_root) {
  std::error_code error;
  const std::filesystem::path resolved = std::filesystem::canonical(folder, error);
  if (error) return not_found("folder {}: {}", folder.string(), error.message());
  if (!std::filesystem::is_directory(resolved, error)) {
    return invalid_argument("{} is not a folder", folder.string());
  }
  if (resolved == resolved.root_path() && !allow_root) {
    return invalid_argument(
        "{} would let clients read every file of this machine; name a folder that"
        " holds nothing but media",
        folder.string());
  }
  const int descriptor = ::open(resolved.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    return invalid_argument("folder {}: {}", folder.string(), errno_text(errno));
  }
  const std::string given = std::filesystem::absolute(folder).lexically_normal().string();
  return LocalFolder(descriptor, trimmed(given), resolved.string());
}

LocalFolder::LocalFolder(LocalFolder&& other) noexcept
    : folder_(std::exchange(other.folder_, -1)),
      given_(std::move(other.given_)),
      resolved_(std::move(other.resolved_)) {}

LocalFolder& LocalFolder::operator=(LocalFolder&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(given_, other.given_);
  std::swap(resolved_, other.resolved_);
  return *this;
}

LocalFolder::~LocalFolder() {
  if (folder_ >= 0) ::close(folder_);
}

Result<std::string> LocalFolder::read(std::string_view path, size_t max_bytes) const {
  std::string_view rest = below(path, given_);
  if (rest.empty()) rest = below(path, resolved_);
  if (rest.empty() || !is_plain(rest) || rest.find('\0') != rest.npos) {
    return unsupported("the path is not below the folder of media");
  }
  const Fd file(internal::open_beneath(folder_, std::string(rest)));
  if (file.get() < 0) return not_found("the file cannot be opened: {}", errno_text(errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return not_found("not a regular file");
  }
  if (static_cast<size_t>(status.st_size) > max_bytes) {
    return resource_exhausted("{} bytes are more than the limit of {}", status.st_size, max_bytes);
  }
  // It may grow or shrink meanwhile.
  std::string bytes;
  char buffer[64 * 1024];
  while (true) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return not_found("the file cannot be read: {}", errno_text(errno));
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(got));
    if (bytes.size() > max_bytes) {
      return resource_exhausted("more bytes than the limit of {}", max_bytes);
    }
  }
}

}  // namespace glmv::media
