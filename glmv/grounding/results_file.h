#pragma once
// JSON Lines that grow while a long job runs and tell the next run where to go on.

#include <filesystem>
#include <functional>
#include <memory>

#include "glmv/base/fd.h"
#include "glmv/base/json.h"

namespace glmv::grounding {

// One run at a time writes a file. Not thread-safe.
class ResultsFile {
 public:
  // Calls `on_line` for every whole line that is a JSON object; a last line that was not written
  // whole is cut off. Errors: invalid_argument (no plain file, cannot be written), unavailable
  // (another run writes it).
  static Result<std::unique_ptr<ResultsFile>> open(const std::filesystem::path& path,
                                                   const std::function<void(const Json&)>& on_line);

  // One write a line. Errors: resource_exhausted (disk full).
  Result<void> append(const Json& line);

 private:
  ResultsFile(std::filesystem::path path, int fd) : path_(std::move(path)), file_(fd) {}

  std::filesystem::path path_;
  Fd file_;
};

}  // namespace glmv::grounding
