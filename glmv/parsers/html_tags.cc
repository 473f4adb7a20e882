#include "glmv/parsers/html_tags.h"

#include "glmv/parsers/white_space.h"

namespace glmv::parsers {

void ElementEnd::begin(std::string_view name) {
  *this = {};
  name_ = name;
  document_ = name == "html";
}

bool ElementEnd::feed(char c) {
  if (state_ == State::kName) {
    if (matched_ == name_.size()) {
      if (is_white_space(c) || c == '>' || (c == '/' && !document_)) {
        state_ = State::kInTag;
        last_ = 0;
      } else {
        state_ = State::kText;
      }
    } else if (c == '/' && matched_ == 0 && !closing_) {
      closing_ = true;
      return false;
    } else if (ascii_lower(c) == name_[matched_]) {
      ++matched_;
      return false;
    } else {
      state_ = State::kText;
    }
  }
  if (state_ == State::kInTag) {
    if (c == '>') return end_tag();
    last_ = c;
    // </html> holds nothing but white space.
    if (document_ && !is_white_space(c)) state_ = State::kText;
  }
  if (state_ == State::kText && c == '<') {
    state_ = State::kName;
    closing_ = false;
    matched_ = 0;
  }
  return false;
}

bool ElementEnd::end_tag() {
  state_ = State::kText;
  if (document_) return closing_;
  if (last_ == '/') return false;
  depth_ += closing_ ? -1 : 1;
  return depth_ == 0;
}

}  // namespace glmv::parsers
