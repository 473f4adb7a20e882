#include "glmv/grounding/results_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "glmv/base/files.h"

namespace glmv::grounding {

Result<std::unique_ptr<ResultsFile>> ResultsFile::open(
    const std::filesystem::path& path, const std::function<void(const Json&)>& on_line) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) {
    return invalid_argument("{}: cannot be written: {}", path.string(), errno_text(errno));
  }
  std::unique_ptr<ResultsFile> file(new ResultsFile(path, fd));
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return invalid_argument("{}: is no plain file; what it holds decides where to go on",
                            path.string());
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return unavailable("{}: another run writes it; wait for that, or name another file",
                       path.string());
  }
  std::ifstream in(path, std::ios::binary);
  int64_t end = 0;
  for (std::string text; std::getline(in, text);) {
    if (in.eof()) break;  // no line end: it was not written whole
    end += std::ssize(text) + 1;
    const auto json = parse_json(text, path.string());
    if (json && json->is_object()) on_line(*json);
  }
  if (::ftruncate(fd, end) != 0) {
    return invalid_argument("{}: cannot be repaired: {}", path.string(), errno_text(errno));
  }
  return file;
}

Result<void> ResultsFile::append(const Json& line) {
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file_.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return resource_exhausted("{}: cannot be written: {}; run the command again to go on",
                                path_.string(), errno_text(errno));
    }
    done += static_cast<size_t>(n);
  }
  return {};
}

}  // namespace glmv::grounding
