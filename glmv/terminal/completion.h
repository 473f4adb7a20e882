#pragma once

#include "glmv/terminal/line_editor.h"

namespace glmv::terminal {

// For Tab: names of commands at the start of a message, values of commands that have a few, and
// paths everywhere else (~ is expanded, names that begin with a dot only when asked for).
Completion complete_message(std::string_view text, size_t cursor);

}  // namespace glmv::terminal
