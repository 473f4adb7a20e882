#include "glmv/terminal/edit_buffer.h"

#include <algorithm>
#include <utility>

#include "glmv/terminal/display_width.h"

namespace glmv::terminal {
namespace {

bool is_word(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u >= 0x80 || (u >= '0' && u <= '9') || ((u | 0x20) >= 'a' && (u | 0x20) <= 'z');
}

}  // namespace

void EditBuffer::set(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
}

void EditBuffer::insert(std::string_view text) {
  text_.insert(cursor_, text);
  cursor_ += text.size();
}

void EditBuffer::replace(size_t begin, size_t end, std::string_view text) {
  text_.replace(begin, end - begin, text);
  cursor_ = begin + text.size();
}

void EditBuffer::left() {
  if (cursor_ > 0) cursor_ = cluster_before(text_, cursor_);
}

void EditBuffer::right() {
  if (cursor_ < text_.size()) cursor_ += cluster_at(text_, cursor_).num_bytes;
}

size_t EditBuffer::word_begin() const {
  size_t at = cursor_;
  while (at > 0 && !is_word(text_[at - 1])) --at;
  while (at > 0 && is_word(text_[at - 1])) --at;
  return at;
}

size_t EditBuffer::word_end() const {
  size_t at = cursor_;
  while (at < text_.size() && !is_word(text_[at])) ++at;
  while (at < text_.size() && is_word(text_[at])) ++at;
  return at;
}

void EditBuffer::word_left() { cursor_ = word_begin(); }
void EditBuffer::word_right() { cursor_ = word_end(); }

size_t EditBuffer::begin_of_line(size_t pos) const {
  const size_t newline = pos == 0 ? text_.npos : text_.rfind('\n', pos - 1);
  return newline == text_.npos ? 0 : newline + 1;
}

size_t EditBuffer::end_of_line(size_t pos) const {
  return std::min(text_.find('\n', pos), text_.size());
}

void EditBuffer::line_begin() { cursor_ = begin_of_line(cursor_); }
void EditBuffer::line_end() { cursor_ = end_of_line(cursor_); }

void EditBuffer::move_to_column(size_t line_begin, int column) {
  size_t at = line_begin;
  for (int used = 0; at < text_.size() && text_[at] != '\n';) {
    const Cluster cluster = cluster_at(text_, at);
    if (used + cluster.width > column) break;
    used += cluster.width;
    at += cluster.num_bytes;
  }
  cursor_ = at;
}

bool EditBuffer::line_up() {
  const size_t begin = begin_of_line(cursor_);
  if (begin == 0) return false;
  const int column = display_width(std::string_view(text_).substr(begin, cursor_ - begin));
  move_to_column(begin_of_line(begin - 1), column);
  return true;
}

bool EditBuffer::line_down() {
  const size_t end = end_of_line(cursor_);
  if (end == text_.size()) return false;
  const size_t begin = begin_of_line(cursor_);
  const int column = display_width(std::string_view(text_).substr(begin, cursor_ - begin));
  move_to_column(end + 1, column);
  return true;
}

void EditBuffer::delete_before() {
  if (cursor_ == 0) return;
  const size_t begin = cluster_before(text_, cursor_);
  text_.erase(begin, cursor_ - begin);
  cursor_ = begin;
}

void EditBuffer::delete_after() {
  if (cursor_ < text_.size()) text_.erase(cursor_, cluster_at(text_, cursor_).num_bytes);
}

void EditBuffer::kill(size_t begin, size_t end) {
  if (begin == end) return;
  killed_ = text_.substr(begin, end - begin);
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

void EditBuffer::delete_word_before() {
  // As shells do: up to the blank before the word.
  size_t begin = cursor_;
  const auto is_blank = [&](size_t at) { return text_[at] == ' ' || text_[at] == '\n'; };
  while (begin > 0 && is_blank(begin - 1)) --begin;
  while (begin > 0 && !is_blank(begin - 1)) --begin;
  kill(begin, cursor_);
}

void EditBuffer::delete_word_after() { kill(cursor_, word_end()); }
void EditBuffer::delete_to_line_begin() { kill(begin_of_line(cursor_), cursor_); }
void EditBuffer::delete_to_line_end() {
  const size_t end = end_of_line(cursor_);
  kill(cursor_, end == cursor_ ? std::min(end + 1, text_.size()) : end);
}

void EditBuffer::transpose() {
  if (cursor_ == 0 || text_.size() < 2) return;
  if (cursor_ == text_.size()) left();
  if (cursor_ == 0) return;
  const size_t before = cluster_before(text_, cursor_);
  const size_t after = cursor_ + cluster_at(text_, cursor_).num_bytes;
  const std::string swapped =
      text_.substr(cursor_, after - cursor_) + text_.substr(before, cursor_ - before);
  text_.replace(before, after - before, swapped);
  cursor_ = after;
}

}  // namespace glmv::terminal
