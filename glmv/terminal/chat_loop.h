#pragma once
// Where a chat gets its lines: a terminal, a script, one question.

#include <istream>
#include <string>

#include "glmv/terminal/chat.h"
#include "glmv/terminal/line_history.h"

namespace glmv::terminal {

// Reads from the terminal until /exit, Ctrl-D (0) or Ctrl-C twice at an empty prompt (130).
// catch_signals() was called. `history` gets what is written.
int run_interactive(Chat& chat, Tty& tty, LineHistory& history);

// Lines of a terminal that cannot be edited on (TERM=dumb): the prompt goes to `prompts`.
int run_plain(Chat& chat, std::istream& in, Screen& prompts);

// One message or command a line; """ begins and ends one of several lines. Stops at the first
// failure with its code.
int run_script(Chat& chat, std::istream& script);

}  // namespace glmv::terminal
