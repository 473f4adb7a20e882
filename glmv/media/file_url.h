#pragma once
// file: URLs, and what they share with data: URLs.

#include <string>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv::media {

// `prefix` in lower case.
bool has_prefix_ignoring_case(std::string_view text, std::string_view prefix);

// The absolute path of file:///path or file://localhost/path, percent-decoded once.
Result<std::string> file_url_path(std::string_view url);

}  // namespace glmv::media
