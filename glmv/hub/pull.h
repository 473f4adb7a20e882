#pragma once
// A model from the hub into the cache.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "glmv/base/result.h"
#include "glmv/hub/file_filter.h"
#include "glmv/hub/hub_options.h"
#include "glmv/hub/repo_name.h"

namespace glmv::hub {

struct PullRequest {
  RepoName repo;
  FileFilter filter;
  bool dry_run = false;  // find out what would be done
};

struct PullFile {
  std::string name;
  int64_t size = 0;
  int64_t present = 0;  // bytes that the cache has already
};

struct PullPlan {
  std::string commit;
  std::filesystem::path snapshot;
  std::vector<PullFile> files;  // small ones first
  int64_t num_left_out = 0;     // files of the model that the filter does not want
  int64_t free_bytes = 0;       // of the disk

  int64_t total_bytes() const;
  int64_t missing_bytes() const;
};

// What happens, as it happens. Called on the thread of pull().
class PullObserver {
 public:
  virtual ~PullObserver() = default;
  virtual void on_plan(const PullPlan&) {}
  virtual void on_file(const PullFile&) {}                        // is fetched now
  virtual void on_bytes(const PullFile&, int64_t /*present*/) {}  // of that file
  virtual void on_file_done(const PullFile&) {}
  virtual void on_note(const std::string&) {}
  virtual bool wanted() { return true; }  // asked often; false ends it (cancelled)
};

// Fetches what the cache lacks; the revision is set when everything is there, so that a model stays
// usable while its successor comes. Offline: the plan of what is there, or an error. Errors: see
// HubClient, fetch_blob; not_found (no file fits), resource_exhausted (disk).
Result<PullPlan> pull(const HubOptions& options, const PullRequest& request,
                      PullObserver& observer);

}  // namespace glmv::hub
