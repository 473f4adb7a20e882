#pragma once
// What stands between a streamed answer and the screen: nothing half is shown.

#include <string>
#include <string_view>

#include "glmv/parsers/html_repair.h"

namespace glmv::terminal {

// Holds back the start of a box marker and of a character until the rest has come or the answer
// ends; raw HTML gets a code fence. What comes out does not depend on how the text was cut.
class AnswerText {
 public:
  // `repair_html`: raw HTML gets a code fence.
  explicit AnswerText(bool repair_html) : repair_html_(repair_html) {}

  std::string push(std::string_view piece);
  std::string finish();

 private:
  const bool repair_html_;
  parsers::HtmlRepair html_;
  std::string held_;
};

}  // namespace glmv::terminal
