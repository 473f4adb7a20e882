#pragma once
// Parses a template. The grammar is Jinja's; statements, filters, tests and argument forms that the
// engine does not have are refused here, with their line.

#include <string_view>

#include "glmv/text/jinja_ast.h"

namespace glmv::text::jinja {

Result<Block> parse_template(std::string_view source);

}  // namespace glmv::text::jinja
