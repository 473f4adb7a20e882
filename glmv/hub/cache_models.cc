#include "glmv/hub/cache_models.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "glmv/base/json.h"
#include "glmv/hub/cache.h"
#include "glmv/hub/file_lock.h"

namespace glmv::hub {
namespace {

namespace fs = std::filesystem;

// Of a whole tree, folders left out; what cannot be read is left out as well.
template <class Visit>
void for_each_file(const fs::path& folder, Visit visit) {
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code ignored;
    if (at->is_symlink(ignored) || !at->is_directory(ignored)) visit(at->path());
  }
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    std::error_code ignored;
    if (!at->is_symlink(ignored) && at->is_directory(ignored)) found.push_back(at->path());
  }
  std::ranges::sort(found);
  return found;
}

// Name of the blob that a file of a snapshot leads to; empty where it is no link.
std::string blob_of(const fs::path& file) {
  std::error_code error;
  const fs::path target = fs::read_symlink(file, error);
  return error ? std::string() : target.filename().string();
}

std::map<std::string, std::vector<std::string>> refs_by_commit(const RepoCache& cache) {
  std::map<std::string, std::vector<std::string>> refs;
  const fs::path folder = cache.folder() / "refs";
  for_each_file(folder, [&](const fs::path& file) {
    const std::string name = file.lexically_relative(folder).string();
    if (const auto text = cache.commit_of(name)) refs[*text].push_back(name);
  });
  for (auto& [commit, names] : refs) std::ranges::sort(names);
  return refs;
}

std::string model_type(const fs::path& snapshot) {
  const auto config = read_json_file(snapshot / "config.json", size_t{1} << 20);
  if (!config || !config->is_object()) return {};
  const auto type = config->find("model_type");
  return type != config->end() && type->is_string() ? shown(type->get<std::string>())
                                                    : std::string();
}

CachedRevision read_revision(const fs::path& snapshot) {
  CachedRevision revision{.commit = snapshot.filename().string(), .snapshot = snapshot};
  bool broken = false, weights = false;
  for_each_file(snapshot, [&](const fs::path& file) {
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0) {
      broken = true;
      return;
    }
    ++revision.num_files;
    revision.bytes += info.st_size;
    revision.modified = std::max<int64_t>(revision.modified, info.st_mtime);
    weights = weights || file.extension() == ".safetensors" || file.extension() == ".gguf";
  });
  revision.model_type = model_type(snapshot);
  revision.complete =
      !broken && weights && !revision.model_type.empty() && missing_weights(snapshot).empty();
  return revision;
}

struct Found {
  RepoCache cache;
  std::vector<std::string> commits;  // that go
  std::set<std::string> kept_blobs;  // that others lead to
  bool everything = false;
};

Result<Found> find_removal(const fs::path& cache_folder, const RepoName& repo, bool one_revision) {
  Found found{.cache = RepoCache(cache_folder, repo)};
  std::error_code error;
  if (!fs::is_directory(found.cache.folder(), error)) {
    return not_found("{} is not in the cache ({})", repo.id(), cache_folder.string());
  }
  const std::optional<std::string> wanted =
      one_revision ? found.cache.commit_of(repo.revision) : std::nullopt;
  if (one_revision && !wanted) {
    return not_found("{} has no revision {} in the cache", repo.id(), shown(repo.revision));
  }
  found.everything = true;
  for (const fs::path& snapshot : folders_in(found.cache.folder() / "snapshots")) {
    const std::string commit = snapshot.filename().string();
    if (!one_revision || commit == *wanted) {
      found.commits.push_back(commit);
      continue;
    }
    found.everything = false;
    for_each_file(snapshot, [&](const fs::path& file) { found.kept_blobs.insert(blob_of(file)); });
  }
  return found;
}

// Blobs that nothing leads to any more, files that are no links, and their bytes.
int64_t bytes_freed(const Found& found) {
  int64_t bytes = 0;
  const auto add = [&bytes](const fs::path& file) {
    struct stat info{};
    if (::lstat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode)) bytes += info.st_size;
  };
  for_each_file(found.cache.folder() / "blobs", [&](const fs::path& blob) {
    if (!found.kept_blobs.contains(blob.filename().string())) add(blob);
  });
  for (const std::string& commit : found.commits) {
    for_each_file(found.cache.snapshot(commit), add);
  }
  return bytes;
}

Result<void> take_away(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return {};
  return invalid_argument("cannot remove {}: {}", path.string(), error.message());
}

// Nobody may fetch meanwhile: the locks are those of fetch_blob.
Result<std::vector<FileLock>> lock_all(const Found& found, const RepoName& repo) {
  std::vector<FileLock> locks;
  std::vector<fs::path> files;
  for_each_file(found.cache.locks(), [&](const fs::path& file) { files.push_back(file); });
  for (const fs::path& file : files) {
    GLMV_ASSIGN(std::optional<FileLock> lock, FileLock::try_take(file));
    if (!lock) return unavailable("{} is being fetched by another program", repo.id());
    locks.push_back(std::move(*lock));
  }
  return locks;
}

}  // namespace

std::vector<CachedModel> scan_cache(const fs::path& cache) {
  std::vector<CachedModel> models;
  for (const fs::path& folder : folders_in(cache)) {
    const auto repo = repo_of_folder(folder.filename().string());
    if (!repo) continue;
    CachedModel model{.repo = *repo};
    const RepoCache files(cache, *repo);
    auto refs = refs_by_commit(files);
    for (const fs::path& snapshot : folders_in(folder / "snapshots")) {
      CachedRevision revision = read_revision(snapshot);
      revision.refs = refs[revision.commit];
      model.revisions.push_back(std::move(revision));
    }
    std::ranges::stable_sort(model.revisions, std::greater(), &CachedRevision::modified);
    for_each_file(folder, [&](const fs::path& file) {
      struct stat info{};
      if (::lstat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return;
      model.bytes += info.st_size;
      if (file.extension() == ".incomplete") model.begun_bytes += info.st_size;
    });
    models.push_back(std::move(model));
  }
  std::ranges::sort(models, {}, [](const CachedModel& model) { return model.repo.id(); });
  return models;
}

Result<Removal> plan_removal(const fs::path& cache, const RepoName& repo, bool one_revision) {
  GLMV_ASSIGN(const Found found, find_removal(cache, repo, one_revision));
  return Removal{found.commits, bytes_freed(found), found.everything};
}

Result<Removal> remove_model(const fs::path& cache, const RepoName& repo, bool one_revision) {
  GLMV_ASSIGN(const Found found, find_removal(cache, repo, one_revision));
  GLMV_ASSIGN(const auto locks, lock_all(found, repo));
  const Removal removal{found.commits, bytes_freed(found), found.everything};
  if (found.everything) {
    GLMV_RETURN_IF_ERROR(take_away(found.cache.folder()));
    GLMV_RETURN_IF_ERROR(take_away(found.cache.locks()));
    return removal;
  }
  const auto refs = refs_by_commit(found.cache);
  for (const std::string& commit : found.commits) {
    // What leads there goes first: a kill in between leaves blobs too many, but no broken model.
    if (const auto names = refs.find(commit); names != refs.end()) {
      for (const std::string& name : names->second) {
        GLMV_RETURN_IF_ERROR(take_away(found.cache.ref(name)));
      }
    }
    GLMV_RETURN_IF_ERROR(take_away(found.cache.snapshot(commit)));
    GLMV_RETURN_IF_ERROR(take_away(found.cache.folder() / ".no_exist" / commit));
    GLMV_RETURN_IF_ERROR(take_away(found.cache.folder() / "trees" / (commit + ".json")));
  }
  std::vector<fs::path> unused;
  for_each_file(found.cache.folder() / "blobs", [&](const fs::path& blob) {
    if (!found.kept_blobs.contains(blob.filename().string())) unused.push_back(blob);
  });
  for (const fs::path& blob : unused) {
    GLMV_RETURN_IF_ERROR(take_away(blob));
  }
  return removal;
}

}  // namespace glmv::hub
