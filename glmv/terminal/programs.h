#pragma once
// Other programs: the editor of the user, the clipboard.

#include <chrono>
#include <string>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::terminal {

// What the program writes to its output. Errors: not_found (no such program), unavailable (it
// failed or was too slow), resource_exhausted (more than max_bytes).
Result<std::string> output_of(const std::vector<std::string>& command, size_t max_bytes,
                              std::chrono::milliseconds timeout);

// Lets the user change `text` in $VISUAL or $EDITOR (else vi), which has the terminal meanwhile,
// in a file that nobody else may read. The text without newlines at its end. Errors: unavailable
// (the editor failed), not_found (there is none).
Result<std::string> edit_elsewhere(const std::string& text);

// A picture from the clipboard, by wl-paste or xclip. Errors say what is missing.
Result<std::string> clipboard_picture();

}  // namespace glmv::terminal
