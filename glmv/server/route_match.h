#pragma once
// Paths of requests against the patterns of routes, and the names that stand in them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/server/api_error.h"

namespace glmv::server {

// What of `path` stands for the stars of `pattern`, as it came over the wire; none: it is another
// path. "*" is one part, not empty; "**", which ends a pattern, one part or more with the slashes
// between them, as "owner/name". All else is compared byte by byte: an escape in a fixed part makes
// it another one.
std::optional<std::vector<std::string_view>> match_path(std::string_view pattern,
                                                        std::string_view path);

// The name that such a piece spells: its escapes decoded once. 400 for a broken escape, control
// characters and bytes that are no UTF-8; 404 where "." or ".." is a part of it, which name
// nothing.
ApiResult<std::string> name_in_path(std::string_view piece);

}  // namespace glmv::server
