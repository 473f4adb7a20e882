#pragma once
// Bracketed groups of numbers in text: [1,2,3,4], ((1,2),(3,4)), <1 2 3 4>, <bbox>...</bbox>.

#include <optional>
#include <string_view>
#include <vector>

namespace glmv::parsers {

// A bracket with numbers or with further groups in it, never both.
struct NumberGroup {
  std::vector<double> numbers;
  std::vector<size_t> row_ends;  // counts of numbers in front of each semicolon
  std::vector<NumberGroup> groups;
  char bracket = 0;           // the opening character; 'b' for <bbox>
  size_t begin = 0, end = 0;  // bytes of the text, brackets included
};

// A decimal number with optional sign, or a fraction "1/2", at text[pos]; advances pos.
std::optional<double> parse_number(std::string_view text, size_t& pos);

// The group that opens at text[pos]; nullopt when it is none, is not closed, or is nested deeper
// than four levels.
std::optional<NumberGroup> parse_number_group(std::string_view text, size_t pos);

// Every outermost group of the text, in order.
std::vector<NumberGroup> find_number_groups(std::string_view text);

}  // namespace glmv::parsers
