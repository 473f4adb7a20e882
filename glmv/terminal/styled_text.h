#pragma once
// Text with styles, wrapped to the width of a terminal.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::terminal {

// Bits, any of them together.
using Style = uint16_t;
inline constexpr Style kPlain = 0, kBold = 1, kDim = 2, kItalic = 4, kUnderline = 8, kStrike = 16,
                       kCode = 32, kTitle = 64;

struct Span {
  std::string text;  // UTF-8 without control characters but newlines and tabs
  Style style = kPlain;
};
using Spans = std::vector<Span>;

// With the escape sequences of its styles; as it is without `colour`.
std::string styled(std::string_view text, Style style, bool colour);
std::string styled(const Spans& spans, bool colour);

int display_width(const Spans& spans);

// Lines of at most `width` columns (>= 2; a wide character needs two). Lines are broken at
// newlines, at spaces (which disappear there), behind hyphens, before and behind wide characters
// except in front of closing and behind opening punctuation, and anywhere in longer words. Tabs
// become four spaces.
std::vector<Spans> wrap(const Spans& spans, int width);
std::vector<std::string> wrap(std::string_view text, int width);

}  // namespace glmv::terminal
