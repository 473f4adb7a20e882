#pragma once
// The models that a cache holds, and how one is taken out of it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/hub/repo_name.h"

namespace glmv::hub {

struct CachedRevision {
  std::string commit;
  std::vector<std::string> refs;  // branches and tags that stand for it, sorted
  std::filesystem::path snapshot;
  int64_t num_files = 0;
  int64_t bytes = 0;       // of its files; other revisions may have some of them, too
  int64_t modified = 0;    // seconds since 1970, of its latest file
  std::string model_type;  // of config.json; empty where there is none
  bool complete = false;   // nothing that it names is missing
};

struct CachedModel {
  RepoName repo;
  std::vector<CachedRevision> revisions;  // the latest first
  int64_t bytes = 0;                      // of all blobs, each counted once, begun ones included
  int64_t begun_bytes = 0;                // of those that are not complete
};

// Sorted by name. A cache that does not exist is empty; what cannot be read is left out.
std::vector<CachedModel> scan_cache(const std::filesystem::path& cache);

struct Removal {
  std::vector<std::string> commits;  // that go
  int64_t bytes = 0;                 // that become free
  bool everything = false;           // nothing of the model stays
};

// What removing would do: the whole model, or with `revision` that one alone. Errors: not_found.
Result<Removal> plan_removal(const std::filesystem::path& cache, const RepoName& repo,
                             bool one_revision);
// Takes snapshots, their refs and marks, and the blobs that no other snapshot leads to. Errors:
// not_found; unavailable (it is being fetched); invalid_argument (a folder that cannot be written).
Result<Removal> remove_model(const std::filesystem::path& cache, const RepoName& repo,
                             bool one_revision);

}  // namespace glmv::hub
