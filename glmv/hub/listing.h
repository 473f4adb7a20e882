#pragma once
// The files of a model at one revision, as the hub's API lists them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::hub {

struct RemoteFile {
  std::string name;
  std::optional<int64_t> size;  // not every hub says it here
  std::string sha256;           // of what lies in LFS; else empty
  std::string git_sha1;         // of what lies in git itself; else empty
};

struct RepoListing {
  std::string commit;
  std::vector<RemoteFile> files;  // names are checked, and no two are equal

  const RemoteFile* find(std::string_view name) const;
};

// The body of /api/models/ID/revision/REV?blobs=true. Errors: invalid_argument, names what is bad.
Result<RepoListing> parse_listing(std::string_view body);

}  // namespace glmv::hub
