#pragma once
// The ends of HTML elements, and its white space.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace glmv::parsers {

inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
inline bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

// Watches the bytes of an element, from its "<" on, for the end of it: its own tags are counted; of
// a document, the first </html> is the end. Tags of other names, comments and strings are not
// looked into.
class ElementEnd {
 public:
  // `name` in lower case. "html" is a document.
  void begin(std::string_view name);
  // True when `c` is the last byte of the element.
  bool feed(char c);

 private:
  enum class State { kText, kName, kInTag };

  bool end_tag();

  std::string name_;
  bool document_ = false;
  State state_ = State::kText;
  bool closing_ = false;
  size_t matched_ = 0;  // of the name
  char last_ = 0;       // in the tag
  int64_t depth_ = 0;
};

}  // namespace glmv::parsers
