#include "apps/glmv/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "apps/glmv/standard_output.h"
#include "glmv/base/texts.h"
#include "glmv/hub/hub_options.h"

namespace glmv::app {
namespace {

// Signal handlers can reach nothing but statics.
volatile std::sig_atomic_t interrupt_count = 0;
volatile std::sig_atomic_t hung_up = 0;

void on_signal(int signal) {
  if (interrupt_count > 0) ::_exit(128 + signal);
  interrupt_count = interrupt_count + 1;
}

void on_hangup(int) { hung_up = 1; }

Result<std::filesystem::path> need_embedded_model() {
  if (auto path = embedded_model()) return std::move(*path);
  return not_found("{}",
                   tr("no embedded model found; name a checkpoint folder with --model DIR, or "
                      "train the embedded one with ./x nano"));
}

// A path stays what it is; what is none may be the embedded model's name or one in the cache.
Result<std::filesystem::path> named_model(const std::string& given, hub::ModelUse use) {
  std::error_code error;
  if (std::filesystem::exists(given, error)) return std::filesystem::path(given);
  if (given == kEmbeddedName) return need_embedded_model();
  const auto repo = hub::parse_repo_name(given);
  if (!repo) return std::filesystem::path(given);
  GLMV_ASSIGN(const hub::HubOptions options, hub::hub_options());
  // One word is much more often the name of a folder.
  const bool meant = hub::looks_like_repo_name(given) ||
                     std::filesystem::exists(options.cache / repo->folder(), error);
  if (!meant) return std::filesystem::path(given);
  auto folder = hub::find_snapshot(options.cache, *repo, use);
  if (folder) return folder;
  return std::unexpected(Status{folder.error().code, fmt::format("there is no folder {}, and {}",
                                                                 given, folder.error().message)});
}

int report_status(const Status& status) {
  const std::string text = tr_format("error: {}", text_for(STDERR_FILENO, status.message)) + "\n";
  std::fputs(text.c_str(), stderr);
  return status.code == Code::kCancelled ? kExitInterrupted : exit_code(status.code);
}

}  // namespace

int report(const Result<void>& result) { return result ? 0 : report_status(result.error()); }
int report(const Result<int>& result) { return result ? *result : report_status(result.error()); }

void print_failure(const std::string& request_id, const std::string& detail) {
  std::string line = fmt::format("error: request {}: {}", request_id, detail);
  std::ranges::replace(line, '\n', ' ');
  fmt::print(stderr, "{}\n", line);
}

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return interrupt_count > 0; }
void clear_interrupt() { interrupt_count = 0; }

void catch_hangups() {
  struct sigaction action{};
  action.sa_handler = on_hangup;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGHUP, &action, nullptr);
}

bool took_hangup() {
  const bool taken = hung_up != 0;
  hung_up = 0;
  return taken;
}

std::optional<std::filesystem::path> embedded_model() {
  std::error_code ignored;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::filesystem::path candidates[] = {
      self.parent_path().parent_path() / "share/glmv/models/nano",
      std::filesystem::path(GLMV_SOURCE_DIR) / "models/nano",
  };
  for (const auto& path : candidates) {
    if (std::filesystem::exists(path / "config.json", ignored)) return path;
  }
  return std::nullopt;
}

Result<std::filesystem::path> model_folder(const std::string& given, hub::ModelUse use) {
  if (!given.empty()) return named_model(given, use);
  if (const char* variable = std::getenv("GLMV_MODEL"); variable != nullptr && *variable != 0) {
    return named_model(variable, use);
  }
  return need_embedded_model();
}

std::string bytes_text(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.2f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.1f} MB", bytes / 1e6);
  return fmt::format("{:.0f} kB", bytes / 1e3);
}

std::string duration_text(double seconds) {
  if (seconds < 60) return tr_format("{:.1f} s", seconds);
  const long whole = std::lround(seconds);
  if (whole < 3600) return tr_format("{} min {:02d} s", whole / 60, whole % 60);
  return tr_format("{} h {:02d} min", whole / 3600, whole / 60 % 60);
}

}  // namespace glmv::app
