#pragma once
// The part of the cache that belongs to one model, laid out as huggingface_hub does it, so that
// either program reads and completes what the other began:
//
//   models--OWNER--NAME/blobs/ETAG                 content, named by its digest
//                       blobs/ETAG.incomplete      its first bytes, while it is fetched
//                       snapshots/COMMIT/FILE      relative link to a blob
//                       refs/REVISION              the commit of a branch or tag
//                       .no_exist/COMMIT/FILE      known to be missing there
//   .locks/models--OWNER--NAME/ETAG.lock           flock, held while a blob is fetched

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/hub/repo_name.h"

namespace glmv::hub {

class RepoCache {
 public:
  // Creates nothing.
  RepoCache(const std::filesystem::path& cache, const RepoName& repo);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path blob(const std::string& etag) const { return folder_ / "blobs" / etag; }
  std::filesystem::path incomplete(const std::string& etag) const;
  std::filesystem::path lock(const std::string& etag) const;
  std::filesystem::path locks() const { return locks_; }
  std::filesystem::path snapshot(const std::string& commit) const;
  std::filesystem::path ref(const std::string& revision) const;

  // Of a branch, a tag or a commit that is there; nullopt: none of these is known.
  std::optional<std::string> commit_of(const std::string& revision) const;
  // The file is there at that commit: its link leads to a file.
  bool has(const std::string& commit, const std::string& file) const;

  Result<void> make_all_folders() const;
  // snapshots/COMMIT/FILE -> the blob. Where links cannot be made, the blob itself moves there.
  Result<void> link(const std::string& commit, const std::string& file,
                    const std::string& etag) const;
  // The revision stands for that commit; nothing to do where it is the commit.
  Result<void> set_ref(const std::string& revision, const std::string& commit) const;
  // Others need not ask the hub for a file that the commit does not have. Failures do no harm.
  void note_missing(const std::string& commit, const std::string& file) const;

 private:
  std::filesystem::path folder_, locks_;
};

// For the names that people give to folders of models.
enum class ModelUse {
  kFiles,    // config.json and what stands beside it
  kWeights,  // all that loading needs
};
// The snapshot of that name in the cache. Errors: not_found, says what to pull.
Result<std::filesystem::path> find_snapshot(const std::filesystem::path& cache,
                                            const RepoName& repo, ModelUse use);
// Weight files that the snapshot's index names and that are not there.
std::vector<std::string> missing_weights(const std::filesystem::path& snapshot);
// The name of a model whose snapshot that folder is.
std::optional<RepoName> repo_of_snapshot(const std::filesystem::path& folder);

// mkdir -p, with an error that says what to do.
Result<void> make_folders(const std::filesystem::path& folder);

}  // namespace glmv::hub
