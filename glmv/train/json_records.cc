#include "glmv/train/json_records.h"

#include <algorithm>

namespace glmv::train {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Walks over the bytes and counts lines.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  bool done() const { return pos_ >= bytes_.size(); }
  char peek() const { return bytes_[pos_]; }
  size_t pos() const { return pos_; }
  size_t line() const { return line_; }
  void advance() {
    if (bytes_[pos_] == '\n') ++line_;
    ++pos_;
  }
  void skip_space() {
    while (!done() && is_space(peek())) advance();
  }
  void skip(size_t n) { pos_ = std::min(bytes_.size(), pos_ + n); }

 private:
  std::string_view bytes_;
  size_t pos_ = 0;
  size_t line_ = 1;
};

// From the first byte of a value to the comma or bracket behind it.
void skip_element(Cursor& cursor) {
  int64_t depth = 0;
  bool in_string = false;
  for (; !cursor.done(); cursor.advance()) {
    const char c = cursor.peek();
    if (in_string) {
      if (c == '\\') {
        cursor.advance();
        if (cursor.done()) return;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      if (depth == 0) return;
      --depth;
    } else if (c == ',' && depth == 0) {
      return;
    }
  }
}

Result<std::vector<JsonRecord>> split_array(std::string_view bytes, Cursor cursor) {
  std::vector<JsonRecord> records;
  const size_t first_line = cursor.line();
  cursor.advance();  // [
  cursor.skip_space();
  bool closed = false;
  if (!cursor.done() && cursor.peek() == ']') {
    cursor.advance();
    closed = true;
  }
  while (!closed && !cursor.done()) {
    cursor.skip_space();
    JsonRecord record{.begin = cursor.pos(), .end = 0, .line = cursor.line()};
    skip_element(cursor);
    record.end = cursor.pos();
    while (record.end > record.begin && is_space(bytes[record.end - 1])) --record.end;
    records.push_back(record);
    if (cursor.done()) break;
    if (cursor.peek() == '}') {
      return invalid_argument("line {}: unexpected '}}' after sample {}", cursor.line(),
                              records.size() - 1);
    }
    closed = cursor.peek() == ']';
    cursor.advance();
  }
  if (!closed) {
    return invalid_argument("the array that starts on line {} has no end: the file is truncated",
                            first_line);
  }
  cursor.skip_space();
  if (!cursor.done()) {
    return invalid_argument("line {}: text behind the end of the array", cursor.line());
  }
  return records;
}

std::vector<JsonRecord> split_lines(std::string_view bytes, size_t begin) {
  std::vector<JsonRecord> records;
  size_t line = 1 + static_cast<size_t>(std::ranges::count(bytes.substr(0, begin), '\n'));
  while (begin < bytes.size()) {
    const size_t newline = std::min(bytes.find('\n', begin), bytes.size());
    size_t end = newline;
    while (end > begin && is_space(bytes[end - 1])) --end;
    if (end > begin) records.push_back({.begin = begin, .end = end, .line = line});
    begin = newline + 1;
    ++line;
  }
  return records;
}

}  // namespace

Result<std::vector<JsonRecord>> split_json_records(std::string_view bytes) {
  Cursor cursor(bytes);
  if (bytes.starts_with("\xEF\xBB\xBF")) cursor.skip(3);
  cursor.skip_space();
  if (cursor.done()) return invalid_argument("the file is empty");
  if (cursor.peek() == '[') return split_array(bytes, cursor);
  if (cursor.peek() == '{') return split_lines(bytes, cursor.pos());
  return invalid_argument(
      "line {}: expected '[' (an array of samples) or '{{' (one sample per line)", cursor.line());
}

}  // namespace glmv::train
