#pragma once
// A terminal in memory: understands what this folder writes, so that tests look at what a user
// would see.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/utf8.h"
#include "glmv/terminal/display_width.h"
#include "glmv/terminal/screen.h"

namespace glmv::terminal {

class VirtualScreen : public Screen {
 public:
  explicit VirtualScreen(int columns = 80, int rows = 24) : columns_(columns), rows_(rows) {
    lines_.emplace_back();
  }

  void write(std::string_view bytes) override {
    raw += bytes;
    pending_ += bytes;
    size_t at = 0;
    while (at < pending_.size()) {
      const size_t used = take(std::string_view(pending_).substr(at));
      if (used == 0) break;
      at += used;
    }
    pending_.erase(0, at);
  }
  ScreenSize size() const override { return {columns_, rows_, 8, 16}; }
  void set_size(int columns, int rows) {
    columns_ = columns;
    rows_ = rows;
  }

  // Everything ever shown, scrolled out lines too, without blanks at the ends.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& line : lines_) {
      std::string text;
      for (const std::string& cell : line) text += cell.empty() ? " " : cell == "\x01" ? "" : cell;
      text.erase(text.find_last_not_of(' ') + 1);
      out.push_back(text);
    }
    while (!out.empty() && out.back().empty()) out.pop_back();
    return out;
  }
  std::string text() const {
    std::string all;
    for (const std::string& line : lines()) all += line + "\n";
    return all;
  }
  int widest() const {
    int most = 0;
    for (const std::string& line : lines()) most = std::max(most, display_width(line));
    return most;
  }
  size_t cursor_row() const { return row_; }
  int cursor_column() const { return std::min(column_, columns_ - 1); }

  std::string raw;  // all bytes

 private:
  void put(std::string_view character, int width) {
    if (width == 0) {
      if (column_ > 0 && static_cast<size_t>(column_) <= lines_[row_].size()) {
        lines_[row_][static_cast<size_t>(column_ - 1)] += character;
      }
      return;
    }
    if (column_ + width > columns_) {
      column_ = 0;
      down();
    }
    auto& line = lines_[row_];
    if (line.size() < static_cast<size_t>(column_ + width)) {
      line.resize(static_cast<size_t>(column_ + width));
    }
    line[static_cast<size_t>(column_)] = character;
    for (int i = 1; i < width; ++i) line[static_cast<size_t>(column_ + i)] = "\x01";
    column_ += width;
  }
  void down() {
    ++row_;
    if (row_ == lines_.size()) lines_.emplace_back();
  }
  size_t top() const {
    const auto rows = static_cast<size_t>(rows_);
    return lines_.size() > rows ? lines_.size() - rows : 0;
  }

  size_t take(std::string_view bytes) {
    const char c = bytes[0];
    if (c == '\n') {  // the terminal adds \r
      column_ = 0;
      down();
      return 1;
    }
    if (c == '\r') {
      column_ = 0;
      return 1;
    }
    if (c == '\a') return 1;
    if (c == '\033') return escape(bytes);
    const DecodedChar d = decode_utf8(bytes, 0);
    if (d.incomplete) return 0;
    put(bytes.substr(0, static_cast<size_t>(d.num_bytes)), char_width(d.code_point));
    return static_cast<size_t>(d.num_bytes);
  }

  size_t escape(std::string_view bytes) {
    if (bytes.size() < 2) return 0;
    if (bytes[1] == '_' || bytes[1] == 'P') {
      const size_t end = bytes.find("\033\\", 2);
      return end == bytes.npos ? 0 : end + 2;
    }
    if (bytes[1] != '[') return 2;
    size_t end = 2;
    while (end < bytes.size() && (bytes[end] < 0x40 || bytes[end] > 0x7E)) ++end;
    if (end == bytes.size()) return 0;
    const std::string inside(bytes.substr(2, end - 2));
    const int n = inside.empty() || inside[0] == '?' ? 1 : std::max(1, std::atoi(inside.c_str()));
    switch (bytes[end]) {
      case 'A':
        row_ = std::max(top(), row_ >= static_cast<size_t>(n) ? row_ - static_cast<size_t>(n) : 0);
        break;
      case 'B':
        for (int i = 0; i < n; ++i) {
          if (row_ + 1 < std::max(lines_.size(), top() + static_cast<size_t>(rows_))) down();
        }
        break;
      case 'C':
        column_ = std::min(columns_ - 1, column_ + n);
        break;
      case 'D':
        column_ = std::max(0, cursor_column() - n);
        break;
      case 'H':
        row_ = top();
        column_ = 0;
        break;
      case 'J':
        if (inside == "2") {
          for (size_t i = top(); i < lines_.size(); ++i) lines_[i].clear();
        } else {
          lines_[row_].resize(std::min<size_t>(lines_[row_].size(), static_cast<size_t>(column_)));
          for (size_t i = row_ + 1; i < lines_.size(); ++i) lines_[i].clear();
        }
        break;
      case 'K':
        lines_[row_].resize(std::min<size_t>(lines_[row_].size(), static_cast<size_t>(column_)));
        break;
      default:
        break;
    }
    return end + 1;
  }

  int columns_, rows_;
  std::vector<std::vector<std::string>> lines_;  // cells
  size_t row_ = 0;
  int column_ = 0;
  std::string pending_;
};

}  // namespace glmv::terminal
