#pragma once
// --help in pages that fit on a screen: what is needed first, one group of options, or all.

#include <string>
#include <string_view>
#include <vector>

#include "apps/glmv/cli_forward.h"
#include "glmv/base/result.h"

namespace glmv::app {

struct HelpPage {
  enum class Part { kFirst, kGroup, kAll };
  Part part = Part::kFirst;
  std::string group;  // of kGroup, as group_word() has it
};

// How a group is asked for: "sampling" of "Sampling (default: ...)", "server" of "A server as the
// model".
std::string group_word(std::string_view group);

// Takes `--help GROUP` and `--help-all` out of the words of a command line, so that CLI11 sees
// --help.
HelpPage take_help_page(std::vector<std::string>& words);

// Of the command that was parsed, the deepest below `root`. Lines are what its formatter makes of
// them. Errors: invalid_argument (no such group).
Result<std::string> help_text(const CLI::App& root, const HelpPage& page);

}  // namespace glmv::app
