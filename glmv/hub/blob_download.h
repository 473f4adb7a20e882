#pragma once
// One blob of the cache: fetched, checked and put under its name, or begun and left for the next
// try.

#include <functional>

#include "glmv/base/result.h"
#include "glmv/hub/cache.h"
#include "glmv/hub/hub_client.h"

namespace glmv::hub {

struct BlobProgress {
  // Bytes that are here now: of an earlier try at first; less than before when it begins anew.
  std::function<void(int64_t)> on_bytes;
  std::function<void(const std::string&)> on_note;
};

// Makes blobs/ETAG of `file`, unless it is there. Holds its lock meanwhile, and waits for it while
// another program fetches the same. Content that does not have its digest is thrown away. Errors:
// those of the hub; resource_exhausted (disk full: what came is kept); invalid_argument (a folder
// that cannot be written).
Result<RemoteBlob> fetch_blob(HubClient& client, const RepoCache& cache, const RepoName& repo,
                              const std::string& commit, const RemoteFile& file,
                              const BlobProgress& progress);

}  // namespace glmv::hub
