#include "glmv/parsers/answer.h"

#include "glmv/parsers/output_tags.h"
#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

constexpr std::string_view kBoxed = "\\boxed{";

std::vector<std::string> extract_latex(std::string_view text) {
  std::vector<std::string> found;
  for (size_t at = text.find(kBoxed); at != std::string_view::npos; at = text.find(kBoxed, at)) {
    at += kBoxed.size();
    const size_t begin = at;
    for (int64_t depth = 1; at < text.size(); ++at) {
      if (text[at] == '{') ++depth;
      if (text[at] == '}' && --depth == 0) break;
    }
    found.emplace_back(text.substr(begin, at - begin));
  }
  return found;
}

std::vector<std::string> extract_marked(std::string_view text) {
  std::vector<std::string> found;
  int64_t depth = 0;
  size_t begin = 0;  // of the outermost box
  for (size_t at = text.find("<|"); at != std::string_view::npos; at = text.find("<|", at)) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(kBoxBeginText)) {
      at += kBoxBeginText.size();
      if (depth++ == 0) begin = at;
    } else if (rest.starts_with(kBoxEndText)) {
      if (depth > 0 && --depth == 0) {
        found.emplace_back(trim_white_space(text.substr(begin, at - begin)));
      }
      at += kBoxEndText.size();
    } else {
      ++at;
    }
  }
  return found;
}

}  // namespace

std::vector<std::string> extract_boxed(std::string_view text) {
  std::vector<std::string> found = extract_latex(text);
  return found.empty() ? extract_marked(text) : found;
}

std::string strip_box_markers(std::string_view text) {
  std::string stripped;
  size_t from = 0;
  for (size_t at = text.find("<|"); at != std::string_view::npos; at = text.find("<|", at)) {
    const std::string_view rest = text.substr(at);
    const size_t length = rest.starts_with(kBoxBeginText) ? kBoxBeginText.size()
                          : rest.starts_with(kBoxEndText) ? kBoxEndText.size()
                                                          : 0;
    if (length == 0) {
      ++at;
      continue;
    }
    stripped += text.substr(from, at - from);
    at += length;
    from = at;
  }
  return stripped += text.substr(from);
}

bool is_restated(std::string_view answer, std::string_view tail) {
  return fold_white_space(strip_box_markers(answer)) == fold_white_space(strip_box_markers(tail));
}

}  // namespace glmv::parsers
