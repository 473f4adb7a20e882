#include "glmv/train/trainer_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "glmv/base/files.h"

namespace glmv::train {
namespace {

// "0:04:10", as LLaMA-Factory's board expects.
std::string clock_text(double seconds) {
  const auto s = static_cast<int64_t>(seconds);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

}  // namespace

Json to_json(const LogEntry& entry) {
  Json json = {{"current_steps", entry.current_steps}, {"total_steps", entry.total_steps}};
  if (entry.loss) json["loss"] = *entry.loss;
  if (entry.eval_loss) json["eval_loss"] = *entry.eval_loss;
  if (entry.accuracy) json["accuracy"] = *entry.accuracy;
  if (entry.lr) json["lr"] = *entry.lr;
  if (entry.grad_norm) json["grad_norm"] = *entry.grad_norm;
  json["epoch"] = entry.epoch;
  json["percentage"] = entry.total_steps > 0 ? 100.0 * static_cast<double>(entry.current_steps) /
                                                   static_cast<double>(entry.total_steps)
                                             : 100.0;
  json["elapsed_time"] = clock_text(entry.elapsed_s);
  json["remaining_time"] = clock_text(entry.remaining_s);
  json["throughput"] = entry.throughput;
  json["total_tokens"] = entry.total_tokens;
  return json;
}

Result<TrainerLog> TrainerLog::open(const std::filesystem::path& path, int64_t start_step) {
  TrainerLog log(path);
  const auto old = start_step > 0 ? read_file(path) : Result<std::string>("");
  std::string kept;
  if (old) {
    std::string_view rest = *old;
    while (!rest.empty()) {
      const size_t newline = rest.find('\n');
      if (newline == std::string_view::npos) break;
      const std::string_view line = rest.substr(0, newline);
      rest.remove_prefix(newline + 1);
      auto entry = parse_json(line, path.string());
      if (!entry || !entry->is_object()) continue;
      const auto step = entry->find("current_steps");
      if (step == entry->end() || !step->is_number_integer() || *step > start_step) continue;
      kept += line;
      kept += '\n';
      log.entries_.push_back(std::move(*entry));
    }
  }
  GLMV_RETURN_IF_ERROR(write_file_atomic(path, kept));
  return log;
}

Result<void> TrainerLog::append(const LogEntry& entry) {
  entries_.push_back(to_json(entry));
  const std::string line = entries_.back().dump() + "\n";
  const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const bool failed =
      fd < 0 || ::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (failed) {
    return resource_exhausted("cannot append to {}: {}", path_.string(), errno_text(error));
  }
  return {};
}

}  // namespace glmv::train
