#include "glmv/text/jinja_text.h"

#include <algorithm>
#include <unordered_set>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_unicode.h"

namespace glmv::text::jinja {

Text::Text(std::string bytes, bool marked) : bytes_(std::move(bytes)) {
  if (marked && !bytes_.empty()) marks_.push_back({0, bytes_.size()});
}

void Text::add_mark(size_t begin, size_t end) {
  if (begin == end) return;
  if (!marks_.empty() && marks_.back().end == begin) {
    marks_.back().end = end;
  } else {
    marks_.push_back({begin, end});
  }
}

void Text::append(std::string_view bytes, bool marked) {
  const size_t begin = bytes_.size();
  bytes_.append(bytes);
  if (marked) add_mark(begin, bytes_.size());
}

void Text::append(const Text& other, size_t begin, size_t end) {
  const size_t shift = bytes_.size();
  bytes_.append(other.bytes_, begin, end - begin);
  auto it = std::partition_point(other.marks_.begin(), other.marks_.end(),
                                 [&](const ByteRange& mark) { return mark.end <= begin; });
  for (; it != other.marks_.end() && it->begin < end; ++it) {
    add_mark(std::max(it->begin, begin) - begin + shift, std::min(it->end, end) - begin + shift);
  }
}

void Text::truncate(size_t size) {
  if (size >= bytes_.size()) return;
  bytes_.resize(size);
  while (!marks_.empty() && marks_.back().begin >= size) marks_.pop_back();
  if (!marks_.empty()) marks_.back().end = std::min(marks_.back().end, size);
}

Text Text::slice(size_t begin, size_t end) const {
  Text out;
  if (begin < end) out.append(*this, begin, end);
  return out;
}

size_t code_point_offset(std::string_view text, size_t index) {
  size_t pos = 0;
  while (pos < text.size()) {
    if ((static_cast<unsigned char>(text[pos]) & 0xC0) != 0x80 && index-- == 0) break;
    ++pos;
  }
  return pos;
}

ByteRange strip_range(std::string_view text, const std::string_view* chars, bool left, bool right) {
  std::unordered_set<char32_t> set;
  if (chars != nullptr) {
    for (size_t pos = 0; pos < chars->size();) {
      const DecodedChar c = decode_utf8(*chars, pos);
      set.insert(c.code_point);
      pos += c.num_bytes;
    }
  }
  const auto goes = [&](char32_t c) { return chars ? set.contains(c) : is_space(c); };
  size_t begin = 0;
  size_t end = text.size();
  while (left && begin < end) {
    const DecodedChar c = decode_utf8(text, begin);
    if (!goes(c.code_point)) break;
    begin += c.num_bytes;
  }
  while (right && end > begin) {
    size_t start = end - 1;
    while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!goes(decode_utf8(text, start).code_point)) break;
    end = start;
  }
  return {begin, end};
}

}  // namespace glmv::text::jinja
