#pragma once
// What a plain box in running text is called: the phrase in front of it on its line.

#include <string>
#include <string_view>

namespace glmv::parsers {

// `before`: the text of the line in front of the box (behind the box before it, if that is on the
// same line). Empty when no phrase names the box.
std::string box_label(std::string_view before);

}  // namespace glmv::parsers
