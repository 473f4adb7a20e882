#include "glmv/parsers/marked_text.h"

#include <cstdint>

#include "glmv/parsers/box_labels.h"
#include "glmv/parsers/output_tags.h"

namespace glmv::parsers {

std::vector<TextRange> marked_ranges(std::string_view text) {
  std::vector<TextRange> ranges;
  int64_t depth = 0;
  size_t begin = 0;
  for (size_t at = text.find("<|"); at != std::string_view::npos; at = text.find("<|", at)) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(kBoxBeginText)) {
      at += kBoxBeginText.size();
      if (depth++ == 0) begin = at;
    } else if (rest.starts_with(kBoxEndText)) {
      if (depth > 0 && --depth == 0) ranges.push_back({begin, at});
      at += kBoxEndText.size();
    } else {
      ++at;
    }
  }
  if (depth > 0) ranges.push_back({begin, text.size()});
  if (ranges.empty()) ranges.push_back({0, text.size()});
  return ranges;
}

std::string label_in_front(std::string_view text, size_t previous_end, size_t begin) {
  const std::string_view between = text.substr(previous_end, begin - previous_end);
  const size_t line_break = between.rfind('\n');
  return box_label(line_break == std::string_view::npos ? between : between.substr(line_break + 1));
}

}  // namespace glmv::parsers
