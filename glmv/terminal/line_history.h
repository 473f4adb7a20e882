#pragma once
// Messages written before, in a file that nobody else may read.

#include <filesystem>
#include <string>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::terminal {

class LineHistory {
 public:
  // Nothing is stored.
  LineHistory() = default;
  // Reads the file, if there is one; it gets the rights 0600. Errors: it cannot be read or its
  // folder not be made; what add() says then stays in memory.
  Result<void> open(std::filesystem::path file);

  // Appends to memory and file: not what is empty, equal to the last entry, or larger than 64 kB.
  // Errors are of the file.
  Result<void> add(const std::string& entry);
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::filesystem::path file_;
  std::vector<std::string> entries_;
};

// $XDG_STATE_HOME/glmv or ~/.local/state/glmv. not_found without a home folder.
Result<std::filesystem::path> state_folder();
// Makes it, for this user only.
Result<void> make_private_folder(const std::filesystem::path& folder);

}  // namespace glmv::terminal
