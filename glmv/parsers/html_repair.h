#pragma once
// Raw HTML in an answer, without a code fence, gets one: else it would be shown as text with tags,
// or not at all. The page has the same rules (web/src/lib/parse/html_repair.ts); both are tested
// with tests/cases/html_fixed.jsonl.

#include <memory>
#include <string>
#include <string_view>

namespace glmv::parsers {

// While it streams. What comes out does not depend on how the text was cut into pieces; text
// without HTML comes out unchanged. Linear time, arbitrary bytes.
// - HTML is a document (<!DOCTYPE html>, <html>) anywhere in a line, or one of certain block
//   elements (body, div, table, style ...) at the beginning of a line, unless the element is closed
//   in that line and prose follows. Not inside a fence, and no document behind a backtick.
// - What cannot be decided yet is held back: the start of a tag (64 characters at most), the first
//   line of the HTML (4,096 at most), white space, the line of a fence.
// - Written escapes (\n, \", \') are undone only in HTML that has a \n and no line break in its
//   first 4,096 characters.
// - The fence is closed behind </html>, behind the last of the elements in a row, or at the end. A
//   line of the HTML that would close it is moved to the right.
class HtmlRepair {
 public:
  HtmlRepair();
  ~HtmlRepair();
  HtmlRepair(HtmlRepair&&) noexcept;
  HtmlRepair& operator=(HtmlRepair&&) noexcept;

  // What can be shown now.
  std::string push(std::string_view piece);
  // The end of the text: what was held back, and the fence closed. Begins anew.
  std::string finish();
  // A fence that was put in is open.
  bool in_html() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A whole text.
std::string repair_html(std::string_view text);

}  // namespace glmv::parsers
