#include "glmv/base/json.h"

#include "glmv/base/files.h"

namespace glmv {
namespace {

constexpr int kMaxDepth = 200;

// nlohmann's recursion is bounded by nesting; refuse deep input before it is parsed.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    }
    if (c == ']' || c == '}') --depth;
  }
  return false;
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view where) {
  if (too_deep(text)) {
    return invalid_argument("{}: JSON is nested more than {} levels deep", where, kMaxDepth);
  }
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    std::string_view what = error.what();
    // Drop the library's "[json.exception.parse_error.101] " prefix.
    if (const size_t end = what.find("] "); end != std::string_view::npos) {
      what.remove_prefix(end + 2);
    }
    return invalid_argument("{}: not valid JSON: {}", where, what);
  }
}

Result<Json> read_json_file(const std::filesystem::path& path, size_t max_bytes) {
  GLMV_ASSIGN(const std::string text, read_file(path, max_bytes));
  return parse_json(text, path.string());
}

}  // namespace glmv
