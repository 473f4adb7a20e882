#pragma once
// What is printed must arrive: a full disk is an error and no silence.

#include <string>
#include <string_view>

namespace glmv::app {

// Whatever was printed is written now. Throws std::system_error, as fmt::print does, which main
// reports.
void flush_output();

// Says that standard output cannot be written, but not where its reader has gone (EPIPE); the exit
// code for that.
int report_output(int error) noexcept;

// `text` of a model, a server or a file as this descriptor may get it: on a terminal control
// characters are shown and not obeyed; elsewhere as it is.
std::string text_for(int fd, std::string_view text);

}  // namespace glmv::app
