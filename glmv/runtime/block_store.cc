#include "glmv/runtime/block_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "glmv/base/check.h"
#include "glmv/base/crc32c.h"
#include "glmv/base/fd.h"
#include "glmv/base/files.h"

namespace glmv::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "GLMVKVB1";
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 4096;
constexpr size_t kNumericsBytes = 64;
constexpr std::string_view kSuffix = ".kvb";

void put_uint(std::vector<std::byte>& out, uint64_t value, int num_bytes) {
  for (int i = 0; i < num_bytes; ++i) out.push_back(static_cast<std::byte>(value >> 8 * i));
}

void put_bytes(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

bool read_all(int fd, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t n = ::read(fd, out.data(), out.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out = out.subspan(static_cast<size_t>(n));
  }
  return true;
}

// 0, or errno.
int write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return 0;
}

Status cannot(const char* action, const fs::path& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return {full ? Code::kResourceExhausted : Code::kInvalidArgument,
          fmt::format("cannot {} {}: {}", action, path.string(), errno_text(error))};
}

// Temporary names are KEY.kvb.tmpPID.
std::optional<pid_t> writer_of(const std::string& name) {
  const std::string mark = std::string(kSuffix) + ".tmp";
  const size_t at = name.rfind(mark);
  if (at == name.npos) return std::nullopt;
  pid_t pid = 0;
  const char* begin = name.data() + at + mark.size();
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, pid);
  if (error != std::errc{} || stop != end || pid <= 0) return std::nullopt;
  return pid;
}

std::optional<Digest> key_of(const fs::path& path) {
  return path.extension() == kSuffix ? Digest::from_hex(path.stem().string()) : std::nullopt;
}

}  // namespace

BlockStore::BlockStore(fs::path dir, int64_t max_bytes, BlockFormat format)
    : dir_(std::move(dir)), max_bytes_(max_bytes), format_(std::move(format)) {
  GLMV_CHECK(format_.numerics.size() < kNumericsBytes && format_.block_bytes > 0);
}

Result<std::unique_ptr<BlockStore>> BlockStore::open(const fs::path& dir, int64_t max_bytes,
                                                     const BlockFormat& format) {
  const int64_t file_bytes = format.block_bytes + static_cast<int64_t>(kHeaderBytes);
  if (max_bytes < file_bytes) {
    return invalid_argument(
        "the prefix cache in {} may take {} bytes and a block of this model takes "
        "{}: raise --prefix-cache-disk-gb",
        dir.string(), max_bytes, file_bytes);
  }
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return std::unexpected(cannot("create the folder", dir, error.value()));
  if (::access(dir.c_str(), R_OK | W_OK | X_OK) != 0) {
    return std::unexpected(cannot("write into the folder", dir, errno));
  }
  std::unique_ptr<BlockStore> store(new BlockStore(dir, max_bytes, format));
  store->scan();
  return store;
}

void BlockStore::scan() {
  struct Found {
    Digest key;
    int64_t size;
    fs::file_time_type used;
  };
  std::vector<Found> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(dir_, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code file_error;
    if (!it->is_regular_file(file_error)) continue;
    const std::string name = it->path().filename().string();
    if (const auto pid = writer_of(name)) {
      const bool alive = *pid != ::getpid() && (::kill(*pid, 0) == 0 || errno == EPERM);
      if (!alive) fs::remove(it->path(), file_error);
      continue;
    }
    const std::optional<Digest> key = key_of(it->path());
    if (!key || it->path() != path_of(*key)) continue;
    const auto size = static_cast<int64_t>(it->file_size(file_error));
    const auto used = it->last_write_time(file_error);
    if (!file_error) found.push_back({*key, size, used});
  }
  std::ranges::sort(found, {}, &Found::used);
  const std::lock_guard lock(mutex_);
  for (const Found& file : found) note_used(file.key, file.size, false);
  make_room(0);
}

fs::path BlockStore::path_of(const Digest& key) const {
  const std::string hex = key.hex();
  return dir_ / hex.substr(0, 2) / (hex + std::string(kSuffix));
}

std::vector<std::byte> BlockStore::header(const Digest& key, const Digest& parent,
                                          size_t num_bytes) const {
  std::vector<std::byte> out;
  out.reserve(kHeaderBytes);
  put_bytes(out, std::as_bytes(std::span(kMagic)));
  put_uint(out, kVersion, 4);
  for (const int64_t size :
       {format_.num_layers, format_.kv_heads, format_.head_dim, format_.block_tokens}) {
    put_uint(out, static_cast<uint64_t>(size), 4);
  }
  put_uint(out, num_bytes, 8);
  for (const Digest& digest : {format_.model, key, parent}) {
    put_bytes(out, std::as_bytes(std::span(digest.bytes)));
  }
  put_bytes(out, std::as_bytes(std::span(format_.numerics)));
  out.resize(out.size() + kNumericsBytes - format_.numerics.size());
  return out;
}

bool BlockStore::load(const Digest& key, const Digest& parent, std::span<std::byte> out) {
  const fs::path path = path_of(key);
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.ok()) {
    const std::lock_guard lock(mutex_);
    forget(key);  // another process may have removed it
    return false;
  }
  // Everything in a header is known before it is read, but for the sum of the block.
  std::vector<std::byte> want = header(key, parent, out.size());
  std::array<std::byte, kHeaderBytes> got;
  bool good = read_all(fd.get(), got) && read_all(fd.get(), out);
  if (good) {
    put_uint(want, crc32c(out), 4);
    put_uint(want, crc32c(want), 4);
    std::byte more;
    good = std::ranges::equal(want, std::span(got).first(want.size())) &&
           ::read(fd.get(), &more, 1) == 0;
  }
  if (!good) {
    ::unlink(path.c_str());
    const std::lock_guard lock(mutex_);
    forget(key);
    return false;
  }
  ::futimens(fd.get(), nullptr);  // the order of use outlives the process
  const std::lock_guard lock(mutex_);
  note_used(key, std::ssize(out) + static_cast<int64_t>(kHeaderBytes), true);
  return true;
}

Result<void> BlockStore::save(const Digest& key, const Digest& parent,
                              std::span<const std::byte> block) {
  const int64_t size = std::ssize(block) + static_cast<int64_t>(kHeaderBytes);
  if (size > max_bytes_) return {};
  const fs::path path = path_of(key);
  {
    const std::lock_guard lock(mutex_);
    const auto it = by_key_.find(key);
    if (it != by_key_.end() && it->second->verified) return {};
    make_room(size);
  }
  std::vector<std::byte> head = header(key, parent, block.size());
  put_uint(head, crc32c(block), 4);
  put_uint(head, crc32c(head), 4);
  head.resize(kHeaderBytes);

  const fs::path folder = path.parent_path();
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return std::unexpected(cannot("create", folder, errno));
  }
  const fs::path temporary = path.string() + fmt::format(".tmp{}", ::getpid());
  int error = 0;
  {
    // Prompts can be guessed from keys and values: for the owner alone.
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.ok()) return std::unexpected(cannot("create", temporary, errno));
    error = write_all(fd.get(), head);
    if (error == 0) error = write_all(fd.get(), block);
  }
  // Not synced: what a power cut tears is found by its sum.
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    return std::unexpected(cannot("write", path, error));
  }
  const std::lock_guard lock(mutex_);
  note_used(key, size, true);
  return {};
}

bool BlockStore::contains(const Digest& key) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_key_.find(key);
  return it != by_key_.end() && it->second->verified;
}

int64_t BlockStore::num_bytes() const {
  const std::lock_guard lock(mutex_);
  return num_bytes_;
}

void BlockStore::note_used(const Digest& key, int64_t size, bool verified) {
  forget(key);
  files_.push_front({key, size, verified});
  by_key_[key] = files_.begin();
  num_bytes_ += size;
}

void BlockStore::forget(const Digest& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return;
  num_bytes_ -= it->second->size;
  files_.erase(it->second);
  by_key_.erase(it);
}

void BlockStore::make_room(int64_t num_bytes) {
  while (!files_.empty() && num_bytes_ + num_bytes > max_bytes_) {
    const Digest key = files_.back().key;
    ::unlink(path_of(key).c_str());
    forget(key);
  }
}

}  // namespace glmv::runtime
