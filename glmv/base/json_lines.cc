#include "glmv/base/json_lines.h"

#include <fmt/format.h>

#include <algorithm>

namespace glmv {

Result<void> each_json_line(
    std::string_view text, const std::string& name,
    const std::function<Result<void>(const Json& json, const std::string& where)>& action) {
  int number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}:{}", name, number);
    GLMV_ASSIGN(const Json json, parse_json(line, where));
    GLMV_RETURN_IF_ERROR(action(json, where));
  }
  return {};
}

}  // namespace glmv
