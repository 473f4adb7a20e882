#include "glmv/hub/file_filter.h"

#include <fnmatch.h>

#include <algorithm>

namespace glmv::hub {

bool glob_fits(const std::string& pattern, std::string_view name) {
  const std::string whole = pattern.ends_with('/') ? pattern + "*" : pattern;
  return ::fnmatch(whole.c_str(), std::string(name).c_str(), 0) == 0;
}

bool is_default_file(std::string_view name) {
  constexpr std::string_view kEndings[] = {".safetensors", ".json",  ".jinja",
                                           ".txt",         ".model", ".tiktoken"};
  if (name.find('/') != name.npos) return false;
  if (name == "README.md" || name.starts_with("LICENSE")) return true;
  return std::ranges::any_of(kEndings,
                             [name](std::string_view end) { return name.ends_with(end); });
}

bool FileFilter::wants(std::string_view name) const {
  const auto fits = [name](const std::string& pattern) { return glob_fits(pattern, name); };
  if (std::ranges::any_of(exclude, fits)) return false;
  return include.empty() ? is_default_file(name) : std::ranges::any_of(include, fits);
}

}  // namespace glmv::hub
