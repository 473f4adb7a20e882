// glmv pull: a model from a hub into the cache that Python's libraries use, too.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "apps/glmv/command.h"
#include "apps/glmv/pull_progress.h"
#include "glmv/base/json.h"
#include "glmv/base/texts.h"
#include "glmv/hub/hub_options.h"
#include "glmv/hub/pull.h"

namespace glmv::app {
namespace {

struct PullFlags {
  std::string name, revision, endpoint;
  hub::FileFilter filter;
  int connections = 8;
  bool dry_run = false, json = false, quiet = false;
};

Json as_json(const std::string& id, const hub::PullPlan& plan) {
  Json files = Json::array();
  for (const hub::PullFile& file : plan.files) {
    files.push_back({{"name", file.name}, {"size", file.size}, {"present", file.present}});
  }
  return {{"name", id},
          {"commit", plan.commit},
          {"folder", plan.snapshot.string()},
          {"total_bytes", plan.total_bytes()},
          {"missing_bytes", plan.missing_bytes()},
          {"free_bytes", plan.free_bytes},
          {"files_left_out", plan.num_left_out},
          {"files", std::move(files)}};
}

void print_plan(const hub::PullPlan& plan) {
  for (const hub::PullFile& file : plan.files) {
    const std::string state =
        file.present == file.size ? tr("here")
        : file.present > 0 ? tr_format("{} here", bytes_text(static_cast<double>(file.present)))
                           : tr("to fetch");
    fmt::print("{:>10}  {:<14} {}\n", bytes_text(static_cast<double>(file.size)), state, file.name);
  }
  fmt::print("{:>10}  {}\n", bytes_text(static_cast<double>(plan.missing_bytes())),
             tr_format("to fetch; {} free", bytes_text(static_cast<double>(plan.free_bytes))));
  if (plan.num_left_out > 0) {
    fmt::print("{}\n",
               tr_format("{} other files are left out (--include takes them)", plan.num_left_out));
  }
}

Result<int> run_pull(const PullFlags& flags) {
  hub::PullRequest request{.filter = flags.filter, .dry_run = flags.dry_run};
  GLMV_ASSIGN(request.repo, hub::parse_repo_name(flags.name));
  if (!flags.revision.empty()) {
    if (flags.name.find('@') != std::string::npos) {
      return invalid_argument("\"{}\" names a revision, and so does --revision: give one",
                              flags.name);
    }
    GLMV_RETURN_IF_ERROR(hub::check_revision(flags.revision));
    request.repo.revision = flags.revision;
  }
  GLMV_ASSIGN(hub::HubOptions options, hub::hub_options(flags.endpoint));
  options.num_connections = flags.connections;
  using Show = PullProgress::Show;
  const Show show = flags.quiet                    ? Show::kNothing
                    : ::isatty(STDERR_FILENO) == 1 ? Show::kLiveLine
                                                   : Show::kPlainLines;
  catch_interrupts();
  PullProgress progress(request.repo.id(), show);
  auto plan = hub::pull(options, request, progress);
  progress.clear_line();
  if (!plan && plan.error().code == Code::kCancelled) {
    if (!flags.quiet) fmt::print(stderr, "{}\n", tr("stopped; the same command goes on from here"));
    return kExitInterrupted;
  }
  if (!plan) return std::unexpected(std::move(plan.error()));
  if (flags.json) {
    fmt::print(
        "{}\n",
        as_json(request.repo.id(), *plan).dump(2, ' ', false, Json::error_handler_t::replace));
  } else if (flags.dry_run) {
    print_plan(*plan);
  } else {
    fmt::print("{}\n", plan->snapshot.string());
  }
  return 0;
}

}  // namespace

void add_pull(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<PullFlags>();
  command
      .add_option("name", flags->name,
                  "OWNER/NAME as on the hub, with @REVISION for another one than main")
      ->required();
  command.add_option("--revision", flags->revision, "branch, tag or commit");
  command
      .add_option("--include", flags->filter.include,
                  "only files that fit this pattern, repeatable (default: what glmv reads)")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  command
      .add_option("--exclude", flags->filter.exclude, "no files that fit this pattern, repeatable")
      ->allow_extra_args(false)
      ->type_name("PATTERN");
  command.add_option("--endpoint", flags->endpoint, "address of the hub (default: $HF_ENDPOINT)")
      ->type_name("URL");
  command.add_option("--connections", flags->connections, "at once for one file")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command.add_flag("--dry-run", flags->dry_run, "show what would be fetched");
  command.add_flag("--json", flags->json, "the result as one JSON object");
  command.add_flag("-q,--quiet", flags->quiet, "no progress");
  command.footer("Prints the folder of the model. Ctrl-C keeps what has come.");
  command.callback([flags, &exit_code] { exit_code = report(run_pull(*flags)); });
}

}  // namespace glmv::app
