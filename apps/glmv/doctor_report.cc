#include "apps/glmv/doctor_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <torch/version.h>

#include <cstdlib>
#include <thread>

#include "apps/glmv/command.h"
#include "apps/glmv/inspect_report.h"
#include "glmv/base/cgroup.h"
#include "glmv/base/cpus.h"
#include "glmv/base/files.h"
#include "glmv/chat/local_backend.h"
#include "glmv/chat/self_check.h"
#include "glmv/kernels/kernel_table.h"
#include "glmv/net/http_server.h"
#include "glmv/runtime/memory_check.h"

namespace glmv::app {
namespace {

constexpr int64_t kLittleDiskBytes = int64_t{1} << 30;
constexpr const char* kHugePagesFile = "/sys/kernel/mm/transparent_hugepage/enabled";

class Rows {
 public:
  void add(std::string name, Health health, std::string text) {
    rows_.push_back({std::move(name), health, std::move(text)});
  }
  void ok(std::string name, std::string text) {
    add(std::move(name), Health::kOk, std::move(text));
  }
  void warn(std::string name, std::string text) {
    add(std::move(name), Health::kWarning, std::move(text));
  }
  void fail(std::string name, std::string text) {
    add(std::move(name), Health::kFailure, std::move(text));
  }
  std::vector<DoctorRow> take() { return std::move(rows_); }

 private:
  std::vector<DoctorRow> rows_;
};

std::string bytes_or_unknown(std::optional<int64_t> bytes) {
  return bytes ? bytes_text(static_cast<double>(*bytes)) : "unknown";
}

void examine_versions(Rows& rows) {
  struct utsname system{};
  ::uname(&system);
  rows.ok("versions", fmt::format("glmv {}, libtorch {}, {} {} {}", GLMV_VERSION, TORCH_VERSION,
                                  system.sysname, system.release, system.machine));
}

void examine_processor(Rows& rows) {
  std::vector<std::string_view> supported;
  for (const kernels::IsaRow& row : kernels::isa_rows()) {
    if (row.supported) supported.push_back(row.table->isa);
  }
  const char* forced = std::getenv("GLMV_FORCE_ISA");
  const auto chosen = kernels::choose_kernels(forced == nullptr ? "" : forced);
  if (!chosen) {
    rows.fail("kernels", chosen.error().message);
  } else {
    const std::string text =
        fmt::format("{}; this processor can run {}", (*chosen)->isa, fmt::join(supported, ", "));
    if (supported.size() > 1) {
      rows.ok("kernels", text);
    } else {
      rows.warn("kernels", text + ": no vector instructions, everything will be slow");
    }
  }
  const size_t allowed = allowed_cpus().size();
  const auto limit = cpu_limit_cores();
  const size_t nodes = numa_nodes(allowed_cpus()).size();
  std::string text =
      fmt::format("{} processors, {} of them allowed, {} memory node{}",
                  std::thread::hardware_concurrency(), allowed, nodes, nodes == 1 ? "" : "s");
  if (limit && *limit < static_cast<double>(allowed)) {
    rows.warn("cores",
              fmt::format("{}; the control group allows the time of {:.1f}: more threads than that "
                          "slow each other down, see --threads",
                          text, *limit));
  } else {
    rows.ok("cores", text);
  }
}

void examine_memory(Rows& rows) {
  std::string text =
      fmt::format("{} in the machine, {} available", bytes_or_unknown(meminfo_bytes("MemTotal")),
                  bytes_or_unknown(runtime::available_memory_bytes()));
  if (const auto limit = memory_limit_bytes()) {
    text += fmt::format("; the control group allows {} and uses {}", bytes_or_unknown(limit),
                        bytes_or_unknown(memory_used_bytes()));
  }
  rows.ok("memory", text);
  const auto pages = read_file(kHugePagesFile, 4096);
  if (!pages) {
    rows.warn("huge pages", "this system does not say whether it has them");
  } else if (pages->find("[never]") != std::string::npos) {
    rows.warn("huge pages", fmt::format("switched off: echo madvise > {} makes large models faster",
                                        kHugePagesFile));
  } else {
    rows.ok("huge pages",
            pages->find("[always]") != std::string::npos ? "always" : "where asked for");
  }
}

void examine_disk(const std::filesystem::path& dir, Rows& rows) {
  struct statvfs info{};
  if (::statvfs(dir.c_str(), &info) != 0) return rows.warn("disk", dir.string() + ": not known");
  const auto free = static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
  const std::string text =
      fmt::format("{} free beside {}", bytes_text(static_cast<double>(free)), dir.string());
  if (free < kLittleDiskBytes) return rows.warn("disk", text);
  rows.ok("disk", text);
}

// Whether the folder's files are whole; false: loading would fail.
bool examine_files(const std::filesystem::path& dir, Rows& rows) {
  const InspectReport report = inspect_checkpoint(dir);
  bool usable = true;
  for (const InspectReport::Problem& problem : report.problems) {
    usable = usable && !problem.fatal;
    rows.add("model", problem.fatal ? Health::kFailure : Health::kWarning, problem.text);
  }
  if (usable)
    rows.ok("model", fmt::format("{}: config, tokenizer and weights are there", dir.string()));
  return usable;
}

void examine_port(const DoctorQuestion& question, Rows& rows) {
  net::HttpServerOptions options{.host = question.host,
                                 .port = static_cast<uint16_t>(question.port)};
  const auto server = net::HttpServer::start(options, {}, {});
  if (!server) return rows.fail("port", server.error().message);
  rows.ok("port", fmt::format("{}:{} is free", question.host, question.port));
}

void examine_answers(const runtime::EngineOptions& options, Rows& rows) {
  const auto backend = chat::LocalBackend::load(options);
  if (!backend) return rows.fail("loading", backend.error().message);
  const runtime::Engine& engine = (*backend)->engine();
  rows.ok("loading",
          fmt::format("{} of weights in {}, context of {} tokens",
                      bytes_text(static_cast<double>(engine.weight_bytes())),
                      duration_text(engine.load_ms() / 1000), engine.max_context_tokens()));
  const chat::SelfTestReport tested = chat::self_test(**backend, options);
  for (const chat::SelfTestReport::Check& check : tested.checks) {
    const std::string text = check.name + ": " + check.detail;
    rows.add("self-test", check.ok ? Health::kOk : Health::kFailure, text);
  }
}

std::string_view health_name(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kWarning:
      return "warning";
    case Health::kFailure:
      return "failure";
  }
  return "failure";
}

}  // namespace

std::vector<DoctorRow> examine(const DoctorQuestion& question) {
  Rows rows;
  examine_versions(rows);
  examine_processor(rows);
  examine_memory(rows);
  examine_port(question, rows);
  const auto options = engine_options(question.model);
  if (!options) {
    rows.fail("model", options.error().message);
    return rows.take();
  }
  examine_disk(options->model_dir, rows);
  if (examine_files(options->model_dir, rows) && question.load) examine_answers(*options, rows);
  return rows.take();
}

Json doctor_json(const std::vector<DoctorRow>& rows) {
  Json json = {{"ok", true}, {"rows", Json::array()}};
  for (const DoctorRow& row : rows) {
    if (row.health == Health::kFailure) json["ok"] = false;
    json["rows"].push_back(
        {{"name", row.name}, {"health", health_name(row.health)}, {"text", row.text}});
  }
  return json;
}

void print_doctor(const std::vector<DoctorRow>& rows) {
  for (const DoctorRow& row : rows) {
    fmt::print("{:<11} {:<8} {}\n", row.name, health_name(row.health), row.text);
  }
}

}  // namespace glmv::app
