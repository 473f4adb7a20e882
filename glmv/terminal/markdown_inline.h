#pragma once
// Marks inside a paragraph: emphasis, code, links, and what GLM-V adds, final-answer boxes.

#include <string_view>

#include "glmv/terminal/styled_text.h"

namespace glmv::terminal {

// **bold**, *italic*, _italic_, ~~struck~~, `code`, [text](address), boxes in bold. LaTeX between
// $...$, $$...$$, \(...\) and \[...\] stays as it is written, as do tags. `keep_marks`: the marks
// stay, too (for terminals without styles); box markers never do.
Spans parse_inline(std::string_view text, bool keep_marks);

}  // namespace glmv::terminal
