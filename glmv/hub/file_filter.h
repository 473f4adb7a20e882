#pragma once
// Which files of a model are fetched.

#include <string>
#include <string_view>
#include <vector>

namespace glmv::hub {

struct FileFilter {
  // As the shell's, but "*" goes over slashes; "folder/" is all below it. A file is wanted when one
  // of `include` fits, or, where there is none, when glmv reads it, and none of `exclude` fits.
  std::vector<std::string> include, exclude;

  bool wants(std::string_view name) const;
};

// What glmv reads, and what says under which terms: at the top of the repository, safetensors,
// JSON, templates, texts of tokenizers, README and licence. Other forms of the same weights are
// left out.
bool is_default_file(std::string_view name);

bool glob_fits(const std::string& pattern, std::string_view name);

}  // namespace glmv::hub
