#pragma once
// The text that is being written, on the screen: rows with the prompt, and where the cursor is.

#include <string>
#include <string_view>
#include <vector>

#include "glmv/terminal/live_region.h"

namespace glmv::terminal {

struct EditLayout {
  std::vector<std::string> rows;
  size_t cursor_row = 0;
  int cursor_column = 0;
};

// Rows of at most `columns` columns: the prompt, then the text, lines behind the first one under a
// prompt of their own. Of a long text only the part around the cursor, at most `rows` rows, is
// laid out: the work does not grow with the text.
EditLayout layout_text(std::string_view text, size_t cursor, std::string_view prompt,
                       std::string_view continuation, int columns, int rows);

// Draws layouts one over the other.
class EditView {
 public:
  explicit EditView(Screen& screen) : screen_(screen), region_(screen) {}

  void draw(EditLayout layout);
  // Leaves the text where it is; the cursor goes below it.
  void close();
  // Takes the text away (something else is to be written there).
  void clear();
  void resize(EditLayout layout);

 private:
  void to_end();
  void to_cursor(const EditLayout& layout);

  Screen& screen_;
  LiveRegion region_;
  std::vector<std::string> rows_;
  size_t cursor_row_ = 0;
  bool at_end_ = true;  // the cursor stands behind the text
};

}  // namespace glmv::terminal
