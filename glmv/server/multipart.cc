#include "glmv/server/multipart.h"

#include <algorithm>
#include <optional>

#include "glmv/base/percent.h"
#include "glmv/base/utf8.h"
#include "glmv/media/file_url.h"

namespace glmv::server {
namespace {

using media::has_prefix_ignoring_case;

constexpr size_t kMaxBoundary = 70;  // RFC 2046
constexpr size_t kMaxPartHeaders = 16 << 10;
constexpr size_t kMaxNameBytes = 200;

// Of a header "form-data; name=\"a\"; filename=\"b\"".
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  for (size_t at = header.find(';'); at != header.npos;) {
    ++at;
    while (at < header.size() && header[at] == ' ') ++at;
    const bool wanted = has_prefix_ignoring_case(header.substr(at), name) &&
                        header.substr(at + name.size()).starts_with('=');
    const size_t equals = header.find('=', at);
    if (equals == header.npos) return {};
    at = equals + 1;
    std::string value;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        // Browsers write %22; others put a backslash before a quote.
        if (header[at] == '\\' && header.substr(at + 1).starts_with('"')) ++at;
        value.push_back(header[at]);
      }
    } else {
      const size_t end = std::min(header.find(';', at), header.size());
      value = header.substr(at, end - at);
      while (value.ends_with(' ')) value.pop_back();
    }
    if (wanted) return value;
    at = header.find(';', at);
  }
  return {};
}

// The value of Content-Disposition among the headers of a part.
std::string_view disposition(std::string_view headers) {
  constexpr std::string_view kName = "content-disposition:";
  while (!headers.empty()) {
    const std::string_view line = headers.substr(0, headers.find("\r\n"));
    headers.remove_prefix(std::min(line.size() + 2, headers.size()));
    if (has_prefix_ignoring_case(line, kName)) return line.substr(kName.size());
  }
  return {};
}

std::string label(std::string name) {
  if (const size_t slash = name.find_last_of("/\\"); slash != name.npos) name.erase(0, slash + 1);
  name = repair_utf8(name.substr(0, kMaxNameBytes));
  std::ranges::replace_if(
      name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return name.empty() ? "file" : name;
}

}  // namespace

ApiResult<MultipartFile> multipart_file(std::string_view content_type, std::string_view body,
                                        std::string_view field) {
  if (!has_prefix_ignoring_case(content_type, "multipart/form-data")) {
    return std::unexpected(
        ApiError{415, "unsupported_media_type", "send multipart/form-data with a file", "", 0});
  }
  const auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary) {
    return bad_field("Content-Type", "multipart/form-data needs a boundary of 1 to 70 characters");
  }
  const std::string line = "\r\n--" + *boundary;
  // The first one stands at the beginning, or behind a preamble.
  size_t at = body.starts_with(std::string_view(line).substr(2)) ? line.size() - 2 : body.npos;
  if (at == body.npos) {
    const size_t found = body.find(line);
    if (found == body.npos) return bad_field(std::string(field), "the body has no parts");
    at = found + line.size();
  }
  while (body.substr(at).starts_with("\r\n")) {
    const size_t headers_end = body.find("\r\n\r\n", at);
    if (headers_end == body.npos || headers_end - at > kMaxPartHeaders) break;
    const size_t begin = headers_end + 4;
    // An empty part ends with the line break behind its headers.
    const size_t end = body.find(line, begin - 2);
    if (end == body.npos) return bad_field(std::string(field), "the body is cut off");
    const std::string_view header = disposition(body.substr(at + 2, headers_end - at - 2));
    if (parameter(header, "name") == field) {
      const auto encoded = parameter(header, "filename*");
      std::string name = parameter(header, "filename").value_or("");
      if (encoded && has_prefix_ignoring_case(*encoded, "utf-8''")) {
        if (auto decoded = percent_decode(encoded->substr(7)); decoded) name = *decoded;
      }
      return MultipartFile{label(std::move(name)),
                           end > begin ? body.substr(begin, end - begin) : std::string_view()};
    }
    at = end + line.size();
  }
  return bad_field(std::string(field), "the body has no part of this name");
}

}  // namespace glmv::server
