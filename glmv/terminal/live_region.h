#pragma once
// The last lines of the screen, redrawn in place while they change. The cursor stands behind them.

#include <string>
#include <vector>

#include "glmv/terminal/screen.h"

namespace glmv::terminal {

class LiveRegion {
 public:
  // `screen` outlives the region; the cursor is at the start of a line.
  explicit LiveRegion(Screen& screen);

  // Shows these lines in place of those shown so far, writing no more than what differs. Lines may
  // hold escape sequences of styles and be longer than the screen is wide. Lines that have
  // scrolled out of the screen stay as they are.
  void draw(std::vector<std::string> lines);
  // Shows these lines for good; the region is empty, below them.
  void commit(std::vector<std::string> lines);
  void clear() { draw({}); }
  // The lines no longer fit on the screen: they cannot be taken back.
  bool is_taller_than_screen() const;
  bool is_empty() const { return lines_.empty(); }
  // The width has changed: shows the same number of lines anew, where the terminal moved them to.
  void resize(std::vector<std::string> lines);

 private:
  int height(const std::string& line) const;
  int height_from(size_t first) const;

  Screen& screen_;
  std::vector<std::string> lines_;
};

// Rows that a line takes on a screen of so many columns.
int rows_of(std::string_view line, int columns);

}  // namespace glmv::terminal
