#include "glmv/hub/cache.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "glmv/base/files.h"
#include "glmv/base/json.h"

namespace glmv::hub {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// Whether a link could not be made because there are none on that file system.
bool has_no_links(const std::error_code& error) {
  return error == std::errc::operation_not_permitted ||
         error == std::errc::operation_not_supported || error == std::errc::function_not_supported;
}

}  // namespace

Result<void> make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && fs::is_directory(folder, error)) return {};
  const Code code =
      error == std::errc::no_space_on_device ? Code::kResourceExhausted : Code::kInvalidArgument;
  return std::unexpected(Status{
      code, fmt::format("cannot make the folder {}: {}; choose another place for models with "
                        "HF_HOME",
                        folder.string(), error ? error.message() : "Not a directory")});
}

RepoCache::RepoCache(const fs::path& cache, const RepoName& repo)
    : folder_(cache / repo.folder()), locks_(cache / ".locks" / repo.folder()) {}

fs::path RepoCache::incomplete(const std::string& etag) const {
  return folder_ / "blobs" / (etag + ".incomplete");
}
fs::path RepoCache::lock(const std::string& etag) const { return locks_ / (etag + ".lock"); }
fs::path RepoCache::snapshot(const std::string& commit) const {
  return folder_ / "snapshots" / commit;
}
fs::path RepoCache::ref(const std::string& revision) const { return folder_ / "refs" / revision; }

std::optional<std::string> RepoCache::commit_of(const std::string& revision) const {
  std::error_code error;
  if (is_commit(revision)) {
    return fs::is_directory(snapshot(revision), error) ? std::optional(revision) : std::nullopt;
  }
  if (!check_revision(revision)) return std::nullopt;
  auto text = read_file(ref(revision), 256);
  if (!text) return std::nullopt;
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  return is_commit(*text) ? std::optional(std::move(*text)) : std::nullopt;
}

bool RepoCache::has(const std::string& commit, const std::string& file) const {
  return is_file(snapshot(commit) / file);
}

Result<void> RepoCache::make_all_folders() const {
  for (const char* name : {"blobs", "snapshots", "refs"}) {
    GLMV_RETURN_IF_ERROR(make_folders(folder_ / name));
  }
  return make_folders(locks_);
}

Result<void> RepoCache::link(const std::string& commit, const std::string& file,
                             const std::string& etag) const {
  const fs::path pointer = snapshot(commit) / file;
  GLMV_RETURN_IF_ERROR(make_folders(pointer.parent_path()));
  const fs::path target = blob(etag).lexically_relative(pointer.parent_path());
  // Under a name of its own first: another program may do the same, and an old link may be there.
  const fs::path made =
      pointer.parent_path() / fmt::format(".{}.{}", etag.substr(0, 40), ::gettid());
  std::error_code error;
  fs::remove(made, error);
  fs::create_symlink(target, made, error);
  const bool moved = has_no_links(error);
  if (moved) {
    fs::rename(blob(etag), pointer, error);
  } else if (!error) {
    fs::rename(made, pointer, error);
  }
  if (!error) return {};
  const std::string problem = error.message();
  fs::remove(made, error);
  return invalid_argument("cannot put {} into {}: {}", shown(file), snapshot(commit).string(),
                          problem);
}

Result<void> RepoCache::set_ref(const std::string& revision, const std::string& commit) const {
  if (revision == commit || commit_of(revision) == commit) return {};
  GLMV_RETURN_IF_ERROR(make_folders(ref(revision).parent_path()));
  return write_file_atomic(ref(revision), commit);
}

void RepoCache::note_missing(const std::string& commit, const std::string& file) const {
  const fs::path mark = folder_ / ".no_exist" / commit / file;
  std::error_code error;
  fs::create_directories(mark.parent_path(), error);
  if (!fs::exists(mark, error)) static_cast<void>(write_file_atomic(mark, ""));
}

std::vector<std::string> missing_weights(const fs::path& snapshot) {
  std::set<std::string> missing;
  const auto index = read_json_file(snapshot / "model.safetensors.index.json");
  if (!index || !index->contains("weight_map") || !(*index)["weight_map"].is_object()) return {};
  for (const auto& [tensor, file] : (*index)["weight_map"].items()) {
    if (!file.is_string()) continue;
    const std::string name = file.get<std::string>();
    if (check_file_name(name) && !is_file(snapshot / name)) missing.insert(name);
  }
  return {missing.begin(), missing.end()};
}

Result<fs::path> find_snapshot(const fs::path& cache, const RepoName& repo, ModelUse use) {
  const RepoCache files(cache, repo);
  const std::string name = repo.id() + (repo.revision == "main" ? "" : "@" + repo.revision);
  const std::optional<std::string> commit = files.commit_of(repo.revision);
  std::error_code error;
  if (!commit || !fs::is_directory(files.snapshot(*commit), error)) {
    const bool begun = fs::exists(files.folder() / "blobs", error);
    return not_found("{} is not in the cache ({}){}; {} it: glmv pull {}", name, cache.string(),
                     begun ? ", only a part or another revision of it" : "",
                     begun ? "complete" : "fetch", name);
  }
  const fs::path folder = files.snapshot(*commit);
  if (!is_file(folder / "config.json")) {
    return not_found("what the cache holds of {} has no config.json; complete it: glmv pull {}",
                     name, name);
  }
  if (use == ModelUse::kFiles) return folder;
  const std::vector<std::string> missing = missing_weights(folder);
  if (!missing.empty()) {
    return not_found(
        "the cache lacks {} of {} ({} of its files are missing); complete it: glmv pull {}",
        shown(missing.front()), name, missing.size(), name);
  }
  const auto is_weights = [](const fs::directory_entry& entry) {
    const std::string end = entry.path().extension().string();
    return (end == ".safetensors" || end == ".gguf") && is_file(entry.path());
  };
  fs::directory_iterator entries(folder, error);
  if (!error && std::none_of(fs::begin(entries), fs::end(entries), is_weights)) {
    return not_found("the cache holds no weights of {}, only other files; fetch them: glmv pull {}",
                     name, name);
  }
  return folder;
}

std::optional<RepoName> repo_of_snapshot(const fs::path& folder) {
  std::error_code error;
  fs::path path = fs::absolute(folder, error).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  const fs::path snapshots = path.parent_path();
  if (!is_commit(path.filename().string()) || snapshots.filename() != "snapshots") {
    return std::nullopt;
  }
  auto repo = repo_of_folder(snapshots.parent_path().filename().string());
  if (repo) repo->revision = path.filename().string();
  return repo;
}

}  // namespace glmv::hub
