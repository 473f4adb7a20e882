#pragma once
// Runs a parsed template.

#include <string>
#include <utility>
#include <vector>

#include "glmv/text/jinja_ast.h"
#include "glmv/text/jinja_value.h"

namespace glmv::text::jinja {

struct RenderOutput {
  Text text;
  std::vector<ByteRange> generation_ranges;
};

// `variables`: the names a template starts with. Errors read "line 3: ..."; running over the limits
// is resource_exhausted, anything else invalid_argument. Thread-safe for one `program`.
Result<RenderOutput> run_template(const Block& program,
                                  std::vector<std::pair<std::string, Value>> variables,
                                  const Limits& limits = {});

}  // namespace glmv::text::jinja
