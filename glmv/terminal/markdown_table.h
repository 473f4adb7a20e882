#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "glmv/terminal/markdown_render.h"

namespace glmv::terminal {

// A table with its head and rule lines. Columns shrink to the width, cells are wrapped; where even
// narrow columns do not fit, each row becomes a list of "head: cell".
std::vector<std::string> render_table(std::string_view source, const RenderOptions& options);

}  // namespace glmv::terminal
