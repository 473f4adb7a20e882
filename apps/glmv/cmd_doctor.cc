// glmv doctor: what this machine has for a model and what it lacks.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>

#include "apps/glmv/command.h"
#include "apps/glmv/doctor_report.h"

namespace glmv::app {
namespace {

int run_doctor(const DoctorQuestion& question, bool json) {
  const std::vector<DoctorRow> rows = examine(question);
  if (json) {
    fmt::print("{}\n", doctor_json(rows).dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    print_doctor(rows);
  }
  const auto failed = [](const DoctorRow& row) { return row.health == Health::kFailure; };
  return std::ranges::any_of(rows, failed) ? 1 : 0;
}

}  // namespace

void add_doctor(CLI::App& command, int& exit_code) {
  auto question = std::make_shared<DoctorQuestion>();
  auto json = std::make_shared<bool>(false);
  add_model_flags(command, question->model);
  const std::string group = "Examination";
  command.add_option("--host", question->host, "address of the server to be")
      ->capture_default_str()
      ->group(group);
  command.add_option("--port", question->port, "that should be free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str()
      ->group(group);
  command
      .add_flag("!--no-load", question->load, "look at the files only: no loading, no self-test")
      ->group(group);
  command.add_flag("--json", *json, "the same as one JSON object")->group(group);
  command.footer("Exit code: 0 nothing is missing, 1 something is.");
  command.callback([question, json, &exit_code] { exit_code = run_doctor(*question, *json); });
}

}  // namespace glmv::app
