#pragma once
// A UTF-8 string that remembers which of its bytes came from message content. The marks survive
// every string operation of the template engine, so that the tokenizer can be told which bytes of a
// prompt must not turn into control tokens.

#include <string>
#include <string_view>
#include <vector>

#include "glmv/text/byte_range.h"

namespace glmv::text::jinja {

class Text {
 public:
  Text() = default;
  explicit Text(std::string bytes, bool marked = false);

  const std::string& bytes() const { return bytes_; }
  // Sorted, disjoint, not touching, none empty.
  const std::vector<ByteRange>& marks() const { return marks_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  bool marked() const { return !marks_.empty(); }

  void append(std::string_view bytes, bool marked = false);
  void append(const Text& other) { append(other, 0, other.size()); }
  // Bytes [begin, end) of `other`.
  void append(const Text& other, size_t begin, size_t end);
  void truncate(size_t size);
  Text slice(size_t begin, size_t end) const;

 private:
  void add_mark(size_t begin, size_t end);

  std::string bytes_;
  std::vector<ByteRange> marks_;
};

// Code points, Python's unit of length and index. All take valid UTF-8.
// Byte offset of code point `index`; text.size() when there are fewer.
size_t code_point_offset(std::string_view text, size_t index);

// The half-open byte range left by Python's strip family. `chars` null: Unicode white space.
ByteRange strip_range(std::string_view text, const std::string_view* chars, bool left, bool right);

}  // namespace glmv::text::jinja
