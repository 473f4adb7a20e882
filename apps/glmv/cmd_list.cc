// glmv list: the models that can be named.

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sys/stat.h>

#include <ctime>

#include "apps/glmv/command.h"
#include "glmv/base/texts.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/hub/cache_models.h"
#include "glmv/hub/hub_options.h"

namespace glmv::app {
namespace {

namespace fs = std::filesystem;

struct ListFlags {
  bool json = false, names = false;
};

struct Row {
  std::string name, revision, commit, family, state;
  fs::path folder;
  int64_t bytes = 0;
  int64_t modified = 0;
  bool usable = false;
};

// Whether glmv can read a model of that configuration.
bool is_known(const fs::path& folder) { return checkpoint::read_model_config(folder).has_value(); }

Row embedded_row(const fs::path& folder) {
  Row row{.name = kEmbeddedName, .revision = "embedded", .state = "ready", .folder = folder};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    struct stat info{};
    if (!entry.is_regular_file(error) || ::stat(entry.path().c_str(), &info) != 0) continue;
    row.bytes += info.st_size;
    row.modified = std::max<int64_t>(row.modified, info.st_mtime);
  }
  if (const auto config = checkpoint::read_model_config(folder)) row.family = config->model_type;
  row.usable = true;
  return row;
}

Row revision_row(const hub::CachedModel& model, const hub::CachedRevision& revision) {
  Row row{.name = model.repo.id(),
          .commit = revision.commit,
          .family = revision.model_type,
          .folder = revision.snapshot,
          .bytes = revision.bytes,
          .modified = revision.modified};
  for (const std::string& ref : revision.refs)
    row.revision += (row.revision.empty() ? "" : ",") + ref;
  if (row.revision.empty()) row.revision = revision.commit.substr(0, 12);
  const bool known = is_known(revision.snapshot);
  row.usable = known && revision.complete;
  row.state = row.usable ? "ready" : !revision.complete ? "incomplete" : "another kind";
  return row;
}

Result<std::vector<Row>> find_rows() {
  std::vector<Row> rows;
  if (const auto folder = embedded_model()) rows.push_back(embedded_row(*folder));
  GLMV_ASSIGN(const hub::HubOptions options, hub::hub_options());
  for (const hub::CachedModel& model : hub::scan_cache(options.cache)) {
    for (const hub::CachedRevision& revision : model.revisions) {
      rows.push_back(revision_row(model, revision));
    }
    if (model.revisions.empty()) {
      rows.push_back(
          {.name = model.repo.id(), .revision = "-", .state = "begun", .bytes = model.bytes});
    }
  }
  return rows;
}

std::string date_text(int64_t seconds) {
  if (seconds == 0) return "-";
  const std::time_t time = seconds;
  std::tm local{};
  ::localtime_r(&time, &local);
  return fmt::format("{:%Y-%m-%d}", local);
}

void print_rows(const std::vector<Row>& rows) {
  size_t name = 4, revision = 8;
  for (const Row& row : rows) {
    name = std::max(name, row.name.size());
    revision = std::max(revision, row.revision.size());
  }
  fmt::print("{:<{}}  {:<{}}  {:>10}  {:<10}  {:<10}  {}\n", tr("name"), name, tr("revision"),
             revision, tr("size"), tr("date"), tr("family"), tr("state"));
  for (const Row& row : rows) {
    fmt::print("{:<{}}  {:<{}}  {:>10}  {:<10}  {:<10}  {}\n", row.name, name, row.revision,
               revision, bytes_text(static_cast<double>(row.bytes)), date_text(row.modified),
               row.family.empty() ? "-" : row.family, tr(row.state));
  }
}

Json as_json(const std::vector<Row>& rows) {
  Json list = Json::array();
  for (const Row& row : rows) {
    list.push_back({{"name", row.name},
                    {"revision", row.revision},
                    {"commit", row.commit},
                    {"bytes", row.bytes},
                    {"modified", row.modified},
                    {"family", row.family},
                    {"state", row.state},
                    {"usable", row.usable},
                    {"folder", row.folder.string()}});
  }
  return list;
}

Result<int> run_list(const ListFlags& flags) {
  GLMV_ASSIGN(const std::vector<Row> rows, find_rows());
  if (flags.json) {
    fmt::print("{}\n", as_json(rows).dump(2, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  if (!flags.names) {
    print_rows(rows);
    return 0;
  }
  std::string last;
  for (const Row& row : rows) {
    if (row.name != last) fmt::print("{}\n", row.name);
    last = row.name;
  }
  return 0;
}

}  // namespace

void add_list(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<ListFlags>();
  command.add_flag("--json", flags->json, "the same as a JSON list");
  command.add_flag("--names", flags->names, "names only, one a line, as shells complete them");
  command.footer(
      "States: ready, incomplete (glmv pull completes it), begun (nothing usable yet), "
      "another kind (no model for glmv).");
  command.callback([flags, &exit_code] { exit_code = report(run_list(*flags)); });
}

}  // namespace glmv::app
