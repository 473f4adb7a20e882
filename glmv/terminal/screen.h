#pragma once

#include <string_view>

namespace glmv::terminal {

struct ScreenSize {
  int columns = 80, rows = 24;
  int cell_width = 8, cell_height = 16;  // pixels, for pictures
};

// What draws: a terminal, or a test's record of what was written.
class Screen {
 public:
  virtual ~Screen() = default;
  virtual void write(std::string_view bytes) = 0;
  virtual ScreenSize size() const = 0;
  // errno of what could not be written; 0: all was.
  virtual int error() const { return 0; }
};

}  // namespace glmv::terminal
