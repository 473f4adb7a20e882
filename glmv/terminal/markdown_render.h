#pragma once
// Blocks of markdown as lines for a terminal.

#include <string>
#include <vector>

#include "glmv/terminal/markdown_blocks.h"

namespace glmv::terminal {

struct RenderOptions {
  int width = 80;
  bool colour = true;    // off: no escape sequences, and the marks of emphasis stay
  bool markdown = true;  // off: the text as it is, wrapped
};

// Lines of at most `width` columns; lines of code as long as they are, for the terminal to break,
// so that they can be copied. A fence or a rule is one line, a blank block an empty one.
std::vector<std::string> render_block(const Block& block, const RenderOptions& options);

// A block that is not complete: its text, without any style.
std::vector<std::string> render_open(const Block& block, int width);

}  // namespace glmv::terminal
