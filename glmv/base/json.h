#pragma once
// JSON with errors as values. Object order is kept (chat templates print it).

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "glmv/base/result.h"

namespace glmv {

using Json = nlohmann::ordered_json;

// Parses `text`; `where` names the source in the error ("config.json"). Depth over 200 is refused,
// as are invalid UTF-8, comments and trailing text. Errors give line and column.
Result<Json> parse_json(std::string_view text, std::string_view where);

// Reads and parses a file. not_found when it does not exist; at most `max_bytes`.
Result<Json> read_json_file(const std::filesystem::path& path,
                            size_t max_bytes = size_t{256} << 20);

}  // namespace glmv
