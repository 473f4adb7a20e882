#pragma once
// Characters whose width in a terminal is not one column; display_width.h uses the tables.

#include <cstddef>

namespace glmv::terminal {

struct CodeRange {
  char32_t first, last;
};
// Ascending, disjoint.
extern const CodeRange kNoColumn[];
extern const size_t kNoColumnCount;
extern const CodeRange kTwoColumns[];
extern const size_t kTwoColumnsCount;

}  // namespace glmv::terminal
