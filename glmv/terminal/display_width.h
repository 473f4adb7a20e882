#pragma once
// How many columns of a terminal a text takes. UTF-8; ill-formed bytes count as one column each
// (they are shown as U+FFFD).

#include <string>
#include <string_view>

namespace glmv::terminal {

// 0 for controls, marks and format characters, 2 for wide ones, else 1.
int char_width(char32_t c);

// What a cursor passes in one step: a character with the marks, joiners and selectors behind it.
struct Cluster {
  size_t num_bytes = 0;
  int width = 0;
};
// pos < text.size().
Cluster cluster_at(std::string_view text, size_t pos);
// Begin of the cluster that ends at `pos` > 0.
size_t cluster_before(std::string_view text, size_t pos);

// Escape sequences (CSI, OSC) take no column.
int display_width(std::string_view text);

// `text` cut to at most `width` columns, with "..." as its end where something was cut off. For
// text without escape sequences.
std::string shortened(std::string_view text, int width);

// For a terminal: control characters (an escape sequence in a file name or an answer would be
// obeyed) as ^X, C1 controls and ill-formed bytes as U+FFFD. Newlines and tabs stay.
std::string printable(std::string_view text);

}  // namespace glmv::terminal
