#include "glmv/hub/blob_download.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "glmv/base/fd.h"
#include "glmv/base/files.h"
#include "glmv/hub/file_lock.h"
#include "glmv/hub/ranged_download.h"

namespace glmv::hub {
namespace {

namespace fs = std::filesystem;

Status write_problem(const fs::path& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return {full ? Code::kResourceExhausted : Code::kInvalidArgument,
          fmt::format("cannot write {}: {}{}", path.string(), errno_text(error),
                      full ? "; free space, or choose another place with HF_HOME; the same command "
                             "then goes on from here"
                           : "")};
}

// The first bytes of a blob, in blobs/ETAG.incomplete.
class Incomplete {
 public:
  static Result<std::unique_ptr<Incomplete>> open(fs::path path, const RemoteBlob& blob) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return std::unexpected(write_problem(path, errno));
    std::unique_ptr<Incomplete> file(new Incomplete(std::move(path), fd, blob));
    struct stat info{};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      return invalid_argument("{} is no file; remove it", file->path_.string());
    }
    file->size_ = info.st_size;
    return file;
  }

  int64_t size() const { return size_; }

  // Adds what is there to the digest.
  Result<void> read_again(const std::function<bool()>& wanted) {
    std::string bytes(size_t{1} << 20, '\0');
    for (int64_t at = 0; at < size_;) {
      if (!wanted()) return cancelled("stopped");
      const ssize_t n = ::pread(fd_.get(), bytes.data(), bytes.size(), at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        return invalid_argument("cannot read {}: {}; remove it", path_.string(),
                                n < 0 ? errno_text(errno) : "it became shorter");
      }
      digest_.add({bytes.data(), static_cast<size_t>(n)});
      at += n;
    }
    return {};
  }

  Result<void> append(std::string_view bytes) {
    digest_.add(bytes);
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), size_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return std::unexpected(write_problem(path_, errno));
      size_ += n;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }

  Result<void> begin_anew() {
    if (::ftruncate(fd_.get(), 0) != 0) return std::unexpected(write_problem(path_, errno));
    size_ = 0;
    digest_ = ContentDigest(blob_.digest, blob_.size);
    return {};
  }

  bool is_right() { return size_ == blob_.size && digest_.fits(); }
  void remove() { ::unlink(path_.c_str()); }

  Result<void> become(const fs::path& path) {
    if (::fsync(fd_.get()) != 0) return std::unexpected(write_problem(path_, errno));
    if (::rename(path_.c_str(), path.c_str()) != 0) {
      return std::unexpected(write_problem(path, errno));
    }
    return sync_path(path.parent_path());
  }

 private:
  Incomplete(fs::path path, int fd, const RemoteBlob& blob)
      : path_(std::move(path)), fd_(fd), blob_(blob), digest_(blob.digest, blob.size) {}

  const fs::path path_;
  const Fd fd_;
  const RemoteBlob& blob_;
  int64_t size_ = 0;
  ContentDigest digest_;
};

}  // namespace

Result<RemoteBlob> fetch_blob(HubClient& client, const RepoCache& cache, const RepoName& repo,
                              const std::string& commit, const RemoteFile& file,
                              const BlobProgress& progress) {
  GLMV_ASSIGN(RemoteBlob blob, client.locate(repo, commit, file));
  bool told = false;
  GLMV_ASSIGN(
      const FileLock lock, FileLock::take(cache.lock(blob.etag), [&] {
        if (!told)
          progress.on_note("another program fetches " + shown(file.name) + "; waiting for it");
        told = true;
        return client.wanted();
      }));
  std::error_code error;
  if (fs::exists(cache.blob(blob.etag), error)) {
    progress.on_bytes(blob.size);
    return blob;
  }
  // Once more from the first byte when what an earlier try left, or a change, has spoiled it.
  for (bool again = false;; again = true) {
    GLMV_ASSIGN(const auto incomplete, Incomplete::open(cache.incomplete(blob.etag), blob));
    if (again || incomplete->size() > blob.size) {
      GLMV_RETURN_IF_ERROR(incomplete->begin_anew());
    }
    const int64_t there = incomplete->size();
    progress.on_bytes(there);
    GLMV_RETURN_IF_ERROR(incomplete->read_again([&client] { return client.wanted(); }));
    RangedDownload download(client, repo, file.name, blob,
                            [&] { return client.locate(repo, commit, file); });
    const auto done = download.run(
        there, [&](std::string_view bytes) { return incomplete->append(bytes); },
        progress.on_bytes);
    if (!done && !download.changed()) return std::unexpected(done.error());
    if (done && incomplete->is_right()) {
      GLMV_RETURN_IF_ERROR(incomplete->become(cache.blob(blob.etag)));
      return blob;
    }
    const bool spoiled = there > 0 || download.changed();
    if (again || !spoiled) {
      incomplete->remove();
      if (!done) return std::unexpected(done.error());
      return unavailable(
          "{} came with {} bytes that do not have its digest; nothing was kept of them; try again, "
          "and if it happens again, the hub or the way to it is broken",
          shown(file.name), blob.size);
    }
    progress.on_note(shown(file.name) +
                     (done ? ": what was there before does not fit; it is fetched anew"
                           : ": it changed meanwhile; it is fetched anew"));
    GLMV_ASSIGN(RemoteBlob fresh, client.locate(repo, commit, file));
    if (fresh.etag != blob.etag || fresh.size != blob.size) {
      incomplete->remove();
      return unavailable("{} changed while it was fetched; pull again", shown(file.name));
    }
    blob.location = std::move(fresh.location);
  }
}

}  // namespace glmv::hub
