#include "glmv/terminal/live_region.h"

#include <fmt/format.h>

#include <algorithm>

#include "glmv/terminal/display_width.h"

namespace glmv::terminal {

int rows_of(std::string_view line, int columns) {
  const int width = display_width(line);
  if (width <= columns) return 1;
  // A wide character that does not fit at the end of a row goes to the next one.
  int rows = 1, used = 0;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == '\033') {
      const size_t end = line.find('m', at);
      at = end == line.npos ? line.size() : end + 1;
      continue;
    }
    const Cluster cluster = cluster_at(line, at);
    if (used + cluster.width > columns) {
      ++rows;
      used = 0;
    }
    used += cluster.width;
    at += cluster.num_bytes;
  }
  return rows;
}

LiveRegion::LiveRegion(Screen& screen) : screen_(screen) {}

int LiveRegion::height(const std::string& line) const {
  return rows_of(line, screen_.size().columns);
}

int LiveRegion::height_from(size_t first) const {
  int rows = 0;
  for (size_t i = first; i < lines_.size(); ++i) rows += height(lines_[i]);
  return rows;
}

bool LiveRegion::is_taller_than_screen() const { return height_from(0) > screen_.size().rows; }

void LiveRegion::draw(std::vector<std::string> lines) {
  size_t first = 0;  // line that is not there yet
  while (first < lines_.size() && first < lines.size() && lines_[first] == lines[first]) ++first;
  if (first == lines_.size() && first == lines.size()) return;
  std::string out;
  const bool at_last = first + 1 == lines_.size();
  if (first == lines_.size()) {
    if (first > 0) out = "\n";
  } else if (at_last && first < lines.size() && lines[first].starts_with(lines_[first])) {
    out = lines[first].substr(lines_[first].size());  // the last line has grown
    if (++first < lines.size()) out += '\n';
  } else {
    // Up to the line that differs, as far as the screen reaches.
    int up = height_from(first) - 1;
    while (up > screen_.size().rows - 1) up -= height(lines_[first++]);
    out = up > 0 ? fmt::format("\r\033[{}A\033[J", up) : "\r\033[J";
    if (first == lines.size() && first > 0) {
      // Lines only vanish: the cursor belongs behind the one above.
      out += fmt::format("\033[{}A{}", height(lines.back()), lines.back());
    }
  }
  for (size_t i = first; i < lines.size(); ++i) {
    out += lines[i];
    if (i + 1 < lines.size()) out += '\n';
  }
  screen_.write(out);
  lines_ = std::move(lines);
}

void LiveRegion::commit(std::vector<std::string> lines) {
  if (lines.empty()) return draw({});
  draw(std::move(lines));
  screen_.write("\n");
  lines_.clear();
}

void LiveRegion::resize(std::vector<std::string> lines) {
  if (!lines_.empty()) {
    const int up = std::min(height_from(0) - 1, screen_.size().rows - 1);
    screen_.write(up > 0 ? fmt::format("\r\033[{}A\033[J", up) : "\r\033[J");
    lines_.clear();
  }
  draw(std::move(lines));
}

}  // namespace glmv::terminal
