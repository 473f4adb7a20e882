#include "glmv/terminal/answer_text.h"

#include <algorithm>
#include <utility>

#include "glmv/base/utf8.h"
#include "glmv/parsers/output_tags.h"

namespace glmv::terminal {
namespace {

// Bytes at the end of `text` that may be the start of a marker.
size_t partial_marker(std::string_view text) {
  using parsers::kBoxBeginText, parsers::kBoxEndText;
  const size_t longest = std::max(kBoxBeginText.size(), kBoxEndText.size()) - 1;
  for (size_t size = std::min(longest, text.size()); size > 0; --size) {
    const std::string_view tail = text.substr(text.size() - size);
    if (kBoxBeginText.starts_with(tail) || kBoxEndText.starts_with(tail)) return size;
  }
  return 0;
}

// Bytes at the end of `text` that are the start of a character.
size_t partial_character(std::string_view text) {
  for (size_t size = 1; size <= std::min<size_t>(3, text.size()); ++size) {
    const size_t at = text.size() - size;
    if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;
    return decode_utf8(text, at).incomplete ? size : 0;
  }
  return 0;
}

}  // namespace

std::string AnswerText::push(std::string_view piece) {
  held_ += repair_html_ ? html_.push(piece) : std::string(piece);
  const size_t kept = std::max(partial_marker(held_), partial_character(held_));
  std::string out = held_.substr(0, held_.size() - kept);
  held_.erase(0, held_.size() - kept);
  return out;
}

std::string AnswerText::finish() {
  if (repair_html_) held_ += html_.finish();
  return std::exchange(held_, {});
}

}  // namespace glmv::terminal
