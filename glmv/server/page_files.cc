#include "glmv/server/page_files.h"

#include "glmv/base/files.h"
#include "glmv/base/sha256.h"

namespace glmv::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = size_t{16} << 20;

constexpr char kPagePolicy[] =
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' "
    "'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors "
    "'none'";
// HTML of answers runs its scripts, and reaches nothing.
constexpr char kPreviewPolicy[] =
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src "
    "'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'";

std::string_view type_of(const fs::path& path) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".woff2", "font/woff2"},
      {".png", "image/png"},
      {".json", "application/json"},
      {".md", "text/plain; charset=utf-8"},
      {".webmanifest", "application/manifest+json"}};
  for (const auto& [extension, type] : kTypes) {
    if (path.extension() == extension) return type;
  }
  return "application/octet-stream";
}

std::string etag_of(std::string_view bytes, const char* form) {
  return "\"" + Sha256().add_framed(bytes).digest().hex().substr(0, 32) + form + "\"";
}

}  // namespace

void PageFiles::add(std::string name, std::string bytes) {
  const std::string path = "/" + std::move(name);
  PageFile file;
  file.etag = etag_of(bytes, "");
  file.bytes = std::move(bytes);
  file.headers = {
      {"Content-Type", std::string(type_of(path))},
      {"Cache-Control",
       path.starts_with("/assets/") ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Content-Security-Policy", path == "/preview.html" ? kPreviewPolicy : kPagePolicy},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"}};
  files_.insert_or_assign(path, std::move(file));
}

Result<void> PageFiles::finish() {
  for (auto& [path, file] : files_) {
    auto packed = files_.extract(path + ".gz");
    if (packed.empty()) continue;
    file.gzipped = std::move(packed.mapped().bytes);
    file.gzip_etag = etag_of(file.gzipped, "-gz");
    file.headers.emplace_back("Vary", "Accept-Encoding");
  }
  if (find("/") == nullptr) return not_found("there is no index.html");
  return {};
}

Result<PageFiles> PageFiles::load(const fs::path& folder) {
  PageFiles page;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->is_regular_file()) continue;
    GLMV_ASSIGN(std::string bytes, read_file(it->path().string(), kMaxFileBytes));
    page.add(it->path().lexically_relative(folder).generic_string(), std::move(bytes));
  }
  if (const auto finished = page.finish(); !finished) {
    return not_found("{}: {}; build the page (web/README.md)", folder.string(),
                     finished.error().message);
  }
  return page;
}

Result<PageFiles> PageFiles::embedded() {
  PageFiles page;
  for (const EmbeddedFile& file : embedded_page()) {
    page.add(file.path, std::string(file.begin, file.end));
  }
  GLMV_RETURN_IF_ERROR(page.finish());
  return page;
}

const PageFile* PageFiles::find(std::string_view path) const {
  const auto it = files_.find(path == "/" ? "/index.html" : path);
  return it == files_.end() ? nullptr : &it->second;
}

}  // namespace glmv::server
