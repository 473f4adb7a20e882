// glmv rm: models out of the cache.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <iostream>

#include "apps/glmv/command.h"
#include "glmv/base/texts.h"
#include "glmv/hub/cache_models.h"
#include "glmv/hub/hub_options.h"

namespace glmv::app {
namespace {

struct RemoveFlags {
  std::vector<std::string> names;
  bool yes = false;
};

Result<bool> is_agreed(const std::string& name, const hub::Removal& removal) {
  const std::string revisions =
      tr_count(static_cast<int64_t>(removal.commits.size()), "{} revision", "{} revisions");
  const std::string what =
      tr_format("{} ({}, {})", name, revisions, bytes_text(static_cast<double>(removal.bytes)));
  if (::isatty(STDIN_FILENO) != 1) {
    return invalid_argument(
        "{}", tr_format("nobody can be asked whether {} shall go; say so with --yes", what));
  }
  fmt::print(stderr, "{}", tr_format("remove {}? [y/N] ", what));
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<int> run_remove(const RemoveFlags& flags) {
  GLMV_ASSIGN(const hub::HubOptions options, hub::hub_options());
  // All names are looked up before anything goes.
  std::vector<std::pair<hub::RepoName, hub::Removal>> plans;
  for (const std::string& name : flags.names) {
    GLMV_ASSIGN(const hub::RepoName repo, hub::parse_repo_name(name));
    const bool one_revision = name.find('@') != std::string::npos;
    auto plan = hub::plan_removal(options.cache, repo, one_revision);
    if (!plan && name == kEmbeddedName && embedded_model()) {
      return invalid_argument("{} is the embedded model, which is part of the program and stays",
                              name);
    }
    if (!plan) return std::unexpected(std::move(plan.error()));
    plans.emplace_back(repo, std::move(*plan));
  }
  for (size_t i = 0; i < plans.size(); ++i) {
    const std::string& name = flags.names[i];
    if (!flags.yes) {
      GLMV_ASSIGN(const bool agreed, is_agreed(name, plans[i].second));
      if (!agreed) {
        fmt::print(stderr, "{}\n", tr_format("{} stays", name));
        continue;
      }
    }
    const bool one_revision = name.find('@') != std::string::npos;
    GLMV_ASSIGN(const hub::Removal removal,
                hub::remove_model(options.cache, plans[i].first, one_revision));
    fmt::print(
        "{}{}\n",
        tr_format("removed {}: {} freed", name, bytes_text(static_cast<double>(removal.bytes))),
        removal.everything ? "" : tr("; other revisions stay"));
  }
  return 0;
}

}  // namespace

void add_rm(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<RemoveFlags>();
  command.add_option("name", flags->names, "OWNER/NAME: all of it; with @REVISION: that one alone")
      ->required()
      ->type_name("MODEL");
  command.add_flag("-y,--yes", flags->yes, "do not ask");
  command.footer("Files that other revisions share stay. Models of other folders are not touched.");
  command.callback([flags, &exit_code] { exit_code = report(run_remove(*flags)); });
}

}  // namespace glmv::app
