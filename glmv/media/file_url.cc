#include "glmv/media/file_url.h"

#include <algorithm>
#include <cctype>

namespace glmv::media {

bool has_prefix_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

Result<std::string> percent_decode(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return invalid_argument("bad %-escape at position {}", i);
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

Result<std::string> file_url_path(std::string_view url) {
  std::string_view rest = url.substr(7);
  if (has_prefix_ignoring_case(rest, "localhost/")) rest.remove_prefix(9);
  if (!rest.starts_with('/')) return invalid_argument("expected file:///absolute/path");
  return percent_decode(rest);
}

}  // namespace glmv::media
