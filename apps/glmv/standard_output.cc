#include "apps/glmv/standard_output.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "glmv/base/files.h"
#include "glmv/base/result.h"
#include "glmv/base/texts.h"
#include "glmv/terminal/display_width.h"

namespace glmv::app {

void flush_output() {
  const bool flushed = std::fflush(stdout) == 0;
  const int error = flushed ? EIO : errno;  // of an earlier write the reason is not known any more
  if (flushed && std::ferror(stdout) == 0) return;
  throw std::system_error(error, std::generic_category());
}

int report_output(int error) noexcept {
  if (error == EPIPE) return 128 + SIGPIPE;
  const std::string text =
      tr_format("error: standard output cannot be written: {}", errno_text(error)) + "\n";
  std::fputs(text.c_str(), stderr);
  return exit_code(Code::kResourceExhausted);
}

std::string text_for(int fd, std::string_view text) {
  return ::isatty(fd) == 1 ? terminal::printable(text) : std::string(text);
}

}  // namespace glmv::app
