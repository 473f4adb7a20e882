#pragma once
// The files of the web page, with the headers that each is served with (docs/web-contract.md).

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "glmv/base/result.h"
#include "glmv/net/http_types.h"

namespace glmv::server {

struct PageFile {
  std::string bytes;
  std::string gzipped;    // empty: it is sent as it is
  std::string etag;       // of the bytes
  std::string gzip_etag;  // of the other form
  net::HttpHeaders headers;
};

// A file of the page in the program itself: page_data.cc, which the build writes from web/dist.
struct EmbeddedFile {
  const char* path;  // "assets/index-1a2b3c.js"
  const char* begin;
  const char* end;
};
std::span<const EmbeddedFile> embedded_page();

// Immutable, thread-safe.
class PageFiles {
 public:
  // All files of a build of web/. not_found: there is no index.html in the folder.
  static Result<PageFiles> load(const std::filesystem::path& folder);
  // The page in the program. not_found: it was built without one.
  static Result<PageFiles> embedded();

  // Null: there is none. "/" is /index.html.
  const PageFile* find(std::string_view path) const;

 private:
  void add(std::string name, std::string bytes);
  // Takes what stands in NAME.gz as the other form of NAME.
  Result<void> finish();

  std::map<std::string, PageFile, std::less<>> files_;
};

}  // namespace glmv::server
