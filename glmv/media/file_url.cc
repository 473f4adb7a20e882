#include "glmv/media/file_url.h"

#include <algorithm>
#include <cctype>

#include "glmv/base/percent.h"

namespace glmv::media {

bool has_prefix_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

Result<std::string> file_url_path(std::string_view url) {
  std::string_view rest = url.substr(7);
  if (has_prefix_ignoring_case(rest, "localhost/")) rest.remove_prefix(9);
  if (!rest.starts_with('/')) return invalid_argument("expected file:///absolute/path");
  return percent_decode(rest);
}

}  // namespace glmv::media
