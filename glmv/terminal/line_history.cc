#include "glmv/terminal/line_history.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "glmv/base/fd.h"
#include "glmv/base/files.h"
#include "glmv/base/private_file.h"
#include "glmv/base/utf8.h"

namespace glmv::terminal {
namespace {

constexpr size_t kMaxEntries = 1000, kMaxEntryBytes = 64 << 10, kMaxFileBytes = 64 << 20;

// One line of the file.
std::string written(const std::string& entry) {
  std::string line;
  for (const char c : entry) {
    if (c == '\\')
      line += "\\\\";
    else if (c == '\n')
      line += "\\n";
    else
      line += c;
  }
  return line + '\n';
}

std::string read_back(std::string_view line) {
  std::string entry;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      entry += line[++i] == 'n' ? '\n' : line[i];
    } else {
      entry += line[i];
    }
  }
  return repair_utf8(entry);
}

}  // namespace

Result<void> LineHistory::open(std::filesystem::path file) {
  GLMV_RETURN_IF_ERROR(make_private_folder(file.parent_path()));
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    file_ = std::move(file);
    return {};
  }
  ::chmod(file.c_str(), 0600);
  GLMV_ASSIGN(const std::string text, read_file(file, kMaxFileBytes));
  size_t num_lines = 0;
  for (size_t at = 0; at < text.size(); ++num_lines) {
    const size_t newline = std::min(text.find('\n', at), text.size());
    entries_.push_back(read_back(std::string_view(text).substr(at, newline - at)));
    at = newline + 1;
  }
  if (entries_.size() > kMaxEntries) {
    entries_.erase(entries_.begin(), entries_.end() - kMaxEntries);
  }
  file_ = std::move(file);
  if (num_lines > 2 * kMaxEntries) {
    std::string kept;
    for (const std::string& entry : entries_) kept += written(entry);
    return write_private_file(file_, kept);
  }
  return {};
}

Result<void> LineHistory::add(const std::string& entry) {
  if (entry.empty() || entry.size() > kMaxEntryBytes) return {};
  if (!entries_.empty() && entries_.back() == entry) return {};
  entries_.push_back(entry);
  if (file_.empty()) return {};
  const Fd fd(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string line = written(entry);
  if (fd.ok() && ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    return {};
  }
  const std::string reason = errno_text(errno);
  const std::string name = file_.string();
  file_.clear();  // said once
  return unavailable("cannot write {}: {}; messages are not remembered", name, reason);
}

Result<std::filesystem::path> state_folder() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::filesystem::path(state) / "glmv";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == 0) return not_found("there is no home folder: set HOME");
  return std::filesystem::path(home) / ".local/state/glmv";
}

Result<void> make_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return {};
  std::filesystem::create_directories(folder, error);
  if (error) return unavailable("cannot make {}: {}", folder.string(), error.message());
  ::chmod(folder.c_str(), 0700);
  return {};
}

}  // namespace glmv::terminal
