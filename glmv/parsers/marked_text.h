#pragma once
// Which part of an answer holds coordinates, and what stands in front of them.

#include <string>
#include <string_view>
#include <vector>

namespace glmv::parsers {

struct TextRange {
  size_t begin = 0;
  size_t end = 0;
};

// Insides of the outermost box markers, or all of the text when it has none. An unclosed box runs
// to the end: the reply was cut.
std::vector<TextRange> marked_ranges(std::string_view text);

// What names the coordinates at `begin`: a phrase on the same line, behind `previous_end` <= begin.
// Empty: none does.
std::string label_in_front(std::string_view text, size_t previous_end, size_t begin);

}  // namespace glmv::parsers
