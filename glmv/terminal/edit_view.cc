#include "glmv/terminal/edit_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "glmv/terminal/display_width.h"

namespace glmv::terminal {
namespace {

// Where the laid out part begins: so many lines or bytes before the cursor.
size_t part_begin(std::string_view text, size_t cursor, int rows, size_t max_bytes) {
  size_t at = cursor;
  for (int lines = 0; at > 0; --at) {
    if (text[at - 1] == '\n' && ++lines > rows) return at;
    if (cursor - at > max_bytes && (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) return at;
  }
  return 0;
}

size_t part_end(std::string_view text, size_t cursor, int rows, size_t max_bytes) {
  size_t at = cursor;
  for (int lines = 0; at < text.size(); ++at) {
    if (text[at] == '\n' && ++lines > rows) return at;
    if (at - cursor > max_bytes && (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80) return at;
  }
  return at;
}

}  // namespace

EditLayout layout_text(std::string_view text, size_t cursor, std::string_view prompt,
                       std::string_view continuation, int columns, int rows) {
  const auto max_bytes = static_cast<size_t>(columns) * static_cast<size_t>(rows) * 4;
  const size_t begin = part_begin(text, cursor, rows, max_bytes);
  const size_t end = part_end(text, cursor, rows, max_bytes);
  EditLayout layout;
  layout.rows.emplace_back(begin == 0 ? prompt : continuation);
  int column = display_width(layout.rows[0]);
  const auto new_row = [&](std::string_view start) {
    layout.rows.emplace_back(start);
    column = display_width(start);
  };
  for (size_t at = begin; at < end;) {
    if (at == cursor) {
      layout.cursor_row = layout.rows.size() - 1;
      layout.cursor_column = column;
    }
    if (text[at] == '\n') {
      new_row(continuation);
      ++at;
      continue;
    }
    const Cluster cluster = cluster_at(text, at);
    std::string shown = text[at] == '\t' ? "    " : printable(text.substr(at, cluster.num_bytes));
    const int width = display_width(shown);
    if (column + width > columns) {
      new_row("");
      if (at == cursor) {
        layout.cursor_row = layout.rows.size() - 1;
        layout.cursor_column = 0;
      }
    }
    layout.rows.back() += shown;
    column += width;
    at += cluster.num_bytes;
  }
  if (cursor >= end) {
    if (column >= columns) new_row("");
    layout.cursor_row = layout.rows.size() - 1;
    layout.cursor_column = column;
  }
  // The window around the cursor.
  const auto most = static_cast<size_t>(std::max(rows, 1));
  if (layout.rows.size() > most) {
    const size_t above = layout.cursor_row >= most ? layout.cursor_row - most + 1 : 0;
    layout.rows.erase(layout.rows.begin(), layout.rows.begin() + static_cast<ptrdiff_t>(above));
    layout.rows.resize(std::min(layout.rows.size(), most));
    layout.cursor_row -= above;
  }
  return layout;
}

void EditView::to_end() {
  if (rows_.empty() || at_end_) return;
  const size_t down = rows_.size() - 1 - cursor_row_;
  if (down > 0) screen_.write(fmt::format("\033[{}B", down));
  const int column = display_width(rows_.back());
  screen_.write(column > 0 ? fmt::format("\r\033[{}C", column) : "\r");
}

void EditView::to_cursor(const EditLayout& layout) {
  rows_ = layout.rows;
  cursor_row_ = layout.cursor_row;
  const size_t up = rows_.size() - 1 - cursor_row_;
  at_end_ = up == 0 && layout.cursor_column == display_width(rows_.back());
  if (at_end_) return;
  if (up > 0) screen_.write(fmt::format("\033[{}A", up));
  screen_.write(layout.cursor_column > 0 ? fmt::format("\r\033[{}C", layout.cursor_column) : "\r");
}

void EditView::draw(EditLayout layout) {
  to_end();
  region_.draw(layout.rows);
  to_cursor(layout);
}

void EditView::close() {
  to_end();
  if (!rows_.empty()) region_.commit(rows_);
  rows_.clear();
  at_end_ = true;
}

void EditView::clear() {
  to_end();
  region_.clear();
  rows_.clear();
  at_end_ = true;
}

void EditView::resize(EditLayout layout) {
  to_end();
  region_.resize(layout.rows);
  to_cursor(layout);
}

}  // namespace glmv::terminal
