#pragma once
// The text that is being written, with a cursor. The cursor stands between clusters.

#include <string>
#include <string_view>

namespace glmv::terminal {

class EditBuffer {
 public:
  const std::string& text() const { return text_; }
  size_t cursor() const { return cursor_; }
  bool empty() const { return text_.empty(); }

  void set(std::string text);  // the cursor behind it
  void insert(std::string_view text);
  void replace(size_t begin, size_t end, std::string_view text);  // the cursor behind it

  void left();
  void right();
  void word_left();
  void word_right();
  void line_begin();
  void line_end();
  // Within a text of several lines; false: there is no such line.
  bool line_up();
  bool line_down();

  void delete_before();
  void delete_after();
  // These go into the kill buffer, from where yank() takes them.
  void delete_word_before();
  void delete_word_after();
  void delete_to_line_begin();
  void delete_to_line_end();
  void yank() { insert(killed_); }
  void transpose();

 private:
  void kill(size_t begin, size_t end);
  size_t begin_of_line(size_t pos) const;
  size_t end_of_line(size_t pos) const;
  size_t word_begin() const;
  size_t word_end() const;
  void move_to_column(size_t line_begin, int column);

  std::string text_;
  size_t cursor_ = 0;
  std::string killed_;
};

}  // namespace glmv::terminal
