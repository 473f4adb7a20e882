#pragma once
// The files of the web page, with the headers that each is served with (docs/web-contract.md).

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/net/http_types.h"

namespace glmv::server {

struct PageFile {
  std::string bytes;
  std::string etag;
  net::HttpHeaders headers;
};

// Immutable, thread-safe.
class PageFiles {
 public:
  // All files of a build of web/. not_found: there is no index.html in the folder.
  static Result<PageFiles> load(const std::filesystem::path& folder);

  // Null: there is none. "/" is /index.html.
  const PageFile* find(std::string_view path) const;

 private:
  std::map<std::string, PageFile, std::less<>> files_;
};

}  // namespace glmv::server
