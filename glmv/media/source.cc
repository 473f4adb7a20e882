#include "glmv/media/source.h"

#include <filesystem>

#include "glmv/base/files.h"
#include "glmv/base/percent.h"
#include "glmv/base/utf8.h"
#include "glmv/media/base64.h"
#include "glmv/media/file_url.h"

namespace glmv::media {
namespace {

constexpr size_t kMaxNameBytes = 120;

Result<SourceBytes> load_data_url(std::string_view url, size_t max_bytes) {
  const size_t comma = url.find(',');
  if (comma == url.npos) {
    return invalid_argument("data: URL without a comma; expected data:image/png;base64,...");
  }
  const std::string_view media_type = url.substr(5, comma - 5);
  const std::string name =
      fmt::format("data: URL of {}", short_name(media_type.substr(0, media_type.find(';'))));
  if (!media_type.ends_with(";base64")) {
    return unsupported("{}: only base64 data is read; expected data:image/png;base64,...", name);
  }
  std::string_view text = url.substr(comma + 1);
  // Four digits hold three bytes, padding up to two fewer.
  const bool escaped = text.find('%') != text.npos;
  if (!escaped && text.size() / 4 > max_bytes / 3 + 1) {
    return resource_exhausted("{}: about {} bytes are more than the limit of {}", name,
                              text.size() / 4 * 3, max_bytes);
  }
  std::string unescaped;
  if (escaped) {
    if (text.size() / 12 > max_bytes / 3 + 1) {
      return resource_exhausted("{}: more than the limit of {} bytes", name, max_bytes);
    }
    auto decoded = percent_decode(text);
    if (!decoded) return in_context(name, decoded.error());
    unescaped = std::move(*decoded);
    text = unescaped;
  }
  auto bytes = decode_base64(text);
  if (!bytes) return in_context(name, bytes.error());
  if (bytes->size() > max_bytes) {
    return resource_exhausted("{}: {} bytes are more than the limit of {}", name, bytes->size(),
                              max_bytes);
  }
  return SourceBytes{std::move(*bytes), name};
}

Result<SourceBytes> load_file(const std::string& path, const SourceOptions& options) {
  const std::string name = short_name(path);
  if (!options.allow_files) {
    return unsupported("{} {}: files are not read here; send a data: URL", options.what, name);
  }
  if (path.empty()) return invalid_argument("{}: the path is empty", options.what);
  if (path.find('\0') != path.npos) {
    return invalid_argument("{} {}: NUL in the path", options.what, name);
  }
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return not_found("{} {}: no such file", options.what, name);
  }
  if (error) {
    return invalid_argument("{} {}: cannot be read: {}", options.what, name, error.message());
  }
  // Reading a pipe or a device might never end.
  if (!std::filesystem::is_regular_file(status)) {
    return invalid_argument("{} {}: not a regular file", options.what, name);
  }
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > options.max_bytes) {
    return resource_exhausted("{} {}: {} bytes are more than the limit of {}", options.what, name,
                              size, options.max_bytes);
  }
  auto bytes = read_file(path, options.max_bytes);
  if (!bytes) {
    // The reason is behind the path, which may be long.
    const std::string& text = bytes.error().message;
    const size_t reason = text.rfind(": ");
    return in_context(
        fmt::format("{} {}: cannot be read", options.what, name),
        Status{bytes.error().code, reason == text.npos ? std::string("larger than the limit")
                                                       : text.substr(reason + 2)});
  }
  return SourceBytes{std::move(*bytes), name};
}

Result<SourceBytes> load_file_url(std::string_view url, const SourceOptions& options) {
  auto path = file_url_path(url);
  if (!path) return in_context(fmt::format("{} {}", options.what, short_name(url)), path.error());
  return load_file(*path, options);
}

}  // namespace

std::string short_name(std::string_view source) {
  std::string name = repair_utf8(source.substr(0, kMaxNameBytes));
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  if (source.size() > kMaxNameBytes) name += "...";
  return name;
}

Result<SourceBytes> load_source(std::string_view source, const SourceOptions& options) {
  if (has_prefix_ignoring_case(source, "data:")) return load_data_url(source, options.max_bytes);
  if (has_prefix_ignoring_case(source, "file://")) return load_file_url(source, options);
  if (has_prefix_ignoring_case(source, "http://") || has_prefix_ignoring_case(source, "https://")) {
    return unsupported("{} {}: nothing is downloaded here; save it and give its path", options.what,
                       short_name(source));
  }
  const size_t scheme = source.substr(0, 32).find("://");
  if (scheme != source.npos && scheme > 0) {
    return unsupported("{} {}: unknown URL scheme; give a path, file:// or data: URL", options.what,
                       short_name(source));
  }
  return load_file(std::string(source), options);
}

Result<DecodedImage> load_image(std::string_view source, const SourceOptions& source_options,
                                const DecodeOptions& decode_options) {
  GLMV_ASSIGN(const SourceBytes loaded, load_source(source, source_options));
  return decode_image(loaded.bytes, loaded.name, decode_options);
}

}  // namespace glmv::media
