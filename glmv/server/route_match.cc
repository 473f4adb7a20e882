#include "glmv/server/route_match.h"

#include <algorithm>

#include "glmv/base/percent.h"
#include "glmv/base/utf8.h"

namespace glmv::server {
namespace {

std::string_view first_part(std::string_view path) { return path.substr(0, path.find('/')); }

template <class Test>
bool any_part(std::string_view path, const Test& test) {
  while (true) {
    const std::string_view part = first_part(path);
    if (test(part)) return true;
    if (part.size() == path.size()) return false;
    path.remove_prefix(part.size() + 1);
  }
}

bool is_empty(std::string_view part) { return part.empty(); }
bool is_dots(std::string_view part) { return part == "." || part == ".."; }
bool is_control(char c) { return (c >= 0 && c < 32) || c == 127; }

std::unexpected<ApiError> bad_path(std::string what) {
  return std::unexpected(ApiError{400, "invalid_value", "the path: " + std::move(what), "", 0});
}

}  // namespace

std::optional<std::vector<std::string_view>> match_path(std::string_view pattern,
                                                        std::string_view path) {
  std::vector<std::string_view> found;
  while (true) {
    const std::string_view want = first_part(pattern), part = first_part(path);
    if (want == "**") {
      if (any_part(path, is_empty)) return std::nullopt;
      found.push_back(path);
      return found;
    }
    if (want == "*" ? part.empty() : want != part) return std::nullopt;
    if (want == "*") found.push_back(part);
    const bool last = want.size() == pattern.size();
    if (last != (part.size() == path.size())) return std::nullopt;
    if (last) return found;
    pattern.remove_prefix(want.size() + 1);
    path.remove_prefix(part.size() + 1);
  }
}

ApiResult<std::string> name_in_path(std::string_view piece) {
  auto name = percent_decode(piece);
  if (!name) return bad_path(name.error().message + " of a name in it; write % as %25");
  if (find_invalid_utf8(*name)) return bad_path("a name in it is no UTF-8");
  if (std::ranges::any_of(*name, is_control)) {
    return bad_path("a name in it has control characters");
  }
  if (any_part(*name, is_dots)) {
    return std::unexpected(
        ApiError{404, "route_not_found", "\".\" and \"..\" in a path name nothing here", "", 0});
  }
  return *std::move(name);
}

}  // namespace glmv::server
