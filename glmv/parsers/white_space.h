#pragma once
// ASCII white space, the only kind the output grammar knows.

#include <span>
#include <string>
#include <string_view>

namespace glmv::parsers {

inline bool is_white_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

// Number of leading white-space bytes.
inline size_t skip_white_space(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && is_white_space(text[n])) ++n;
  return n;
}

inline std::string_view trim_white_space(std::string_view text) {
  text.remove_prefix(skip_white_space(text));
  while (!text.empty() && is_white_space(text.back())) text.remove_suffix(1);
  return text;
}

// Trimmed, every inner run as one space.
inline std::string fold_white_space(std::string_view text) {
  std::string folded;
  bool gap = false;
  for (const char c : trim_white_space(text)) {
    if (is_white_space(c)) {
      gap = true;
      continue;
    }
    if (gap) folded += ' ';
    gap = false;
    folded += c;
  }
  return folded;
}

// White space and `edges` (whole characters) off both ends.
inline std::string_view trim_edges(std::string_view text, std::span<const std::string_view> edges) {
  for (bool changed = true; changed;) {
    changed = false;
    text = trim_white_space(text);
    for (const std::string_view edge : edges) {
      if (text.starts_with(edge)) {
        text.remove_prefix(edge.size());
        changed = true;
      }
      if (text.ends_with(edge)) {
        text.remove_suffix(edge.size());
        changed = true;
      }
    }
  }
  return text;
}

}  // namespace glmv::parsers
