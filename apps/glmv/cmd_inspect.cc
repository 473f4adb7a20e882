// glmv inspect: what a checkpoint folder holds and what is wrong with it.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>

#include "apps/glmv/command.h"
#include "apps/glmv/inspect_report.h"

namespace glmv::app {
namespace {

struct InspectFlags {
  std::string dir;
  bool json = false;
};

// Names come from files: control characters must not reach a terminal.
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

void print_report(const InspectReport& report) {
  for (const auto& [label, text] : report.rows) {
    fmt::print("{:<15} {}\n", label, printable(text));
  }
  if (report.problems.empty()) {
    fmt::print("{:<15} none found\n", "problems");
    return;
  }
  fmt::print("{:<15} {} found\n", "problems", report.problems.size());
  for (const bool fatal : {true, false}) {
    for (const InspectReport::Problem& problem : report.problems) {
      if (problem.fatal != fatal) continue;
      fmt::print("  {:<8} {}\n", fatal ? "error:" : "warning:", printable(problem.text));
    }
  }
}

Result<int> run_inspect(const InspectFlags& flags) {
  GLMV_ASSIGN(const std::filesystem::path dir, model_folder(flags.dir, hub::ModelUse::kFiles));
  std::error_code error;
  if (!std::filesystem::exists(dir, error)) {
    return not_found("{} does not exist; name a checkpoint folder", dir.string());
  }
  if (!std::filesystem::is_directory(dir, error)) {
    return invalid_argument("{} is a file; name the folder of a checkpoint", dir.string());
  }
  const InspectReport report = inspect_checkpoint(dir);
  if (flags.json) {
    // File names need not be UTF-8.
    fmt::print("{}\n", report.data.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}\n", printable(dir.string()));
    print_report(report);
  }
  return report.problems.empty() ? 0 : 1;
}

}  // namespace

void add_inspect(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<InspectFlags>();
  command
      .add_option("dir", flags->dir,
                  "checkpoint folder, or a name in the cache (default: the embedded model)")
      ->type_name("MODEL");
  command.add_flag("--json", flags->json, "the same as one JSON object");
  command.footer("Exit code: 0 no problems, 1 problems found, 3 no such folder.");
  command.callback([flags, &exit_code] { exit_code = report(run_inspect(*flags)); });
}

}  // namespace glmv::app
