#include "glmv/terminal/display_width.h"

#include <algorithm>
#include <iterator>

#include "glmv/base/utf8.h"
#include "glmv/terminal/unicode_widths.h"

namespace glmv::terminal {
namespace {

constexpr char32_t kJoiner = 0x200D;

bool is_in(const CodeRange* ranges, size_t count, char32_t c) {
  const CodeRange* end = ranges + count;
  const CodeRange* found =
      std::lower_bound(ranges, end, c, [](const CodeRange& r, char32_t x) { return r.last < x; });
  return found != end && found->first <= c;
}

bool is_flag_letter(char32_t c) { return c >= 0x1F1E6 && c <= 0x1F1FF; }
bool is_skin_tone(char32_t c) { return c >= 0x1F3FB && c <= 0x1F3FF; }
bool is_escape_end(char c) { return c >= 0x40 && c <= 0x7E; }

// Bytes of the escape sequence that starts `text` with ESC.
size_t escape_length(std::string_view text) {
  if (text.size() < 2) return 1;
  if (text[1] == '[') {
    size_t at = 2;
    while (at < text.size() && !is_escape_end(text[at])) ++at;
    return std::min(at + 1, text.size());
  }
  if (text[1] == ']') {
    const size_t bell = text.find('\a');
    const size_t st = text.find("\033\\", 2);
    if (st < bell) return st + 2;
    return bell == text.npos ? text.size() : bell + 1;
  }
  return 2;
}

}  // namespace

int char_width(char32_t c) {
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return 0;
  if (c < 0x300) return 1;
  if (is_in(kNoColumn, kNoColumnCount, c)) return 0;
  return is_in(kTwoColumns, kTwoColumnsCount, c) ? 2 : 1;
}

Cluster cluster_at(std::string_view text, size_t pos) {
  const DecodedChar first = decode_utf8(text, pos);
  Cluster cluster{static_cast<size_t>(first.num_bytes), char_width(first.code_point)};
  if (first.code_point < 0x20) return cluster;
  char32_t before = first.code_point;
  bool paired = false;  // two flag letters are one flag
  while (pos + cluster.num_bytes < text.size()) {
    const auto byte = static_cast<unsigned char>(text[pos + cluster.num_bytes]);
    if (byte < 0x80) break;
    const DecodedChar next = decode_utf8(text, pos + cluster.num_bytes);
    const char32_t c = next.code_point;
    const int width = char_width(c);
    const bool flag = is_flag_letter(before) && is_flag_letter(c) && !paired;
    if (!next.valid || !(before == kJoiner || flag || is_skin_tone(c) || width == 0)) break;
    paired |= flag;
    cluster.num_bytes += next.num_bytes;
    cluster.width += width;
    before = c;
  }
  return cluster;
}

size_t cluster_before(std::string_view text, size_t pos) {
  // Clusters are found forwards: start at a character that begins one for sure, an ASCII one.
  size_t start = pos - 1;
  while (start > 0 && pos - start < 256 && static_cast<unsigned char>(text[start]) >= 0x80) --start;
  while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  while (true) {
    const size_t next = start + cluster_at(text, start).num_bytes;
    if (next >= pos) return start;
    start = next;
  }
}

int display_width(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte == 0x1B) {
      at += escape_length(text.substr(at));
    } else if (byte < 0x80) {
      width += byte >= 0x20 && byte != 0x7F ? 1 : 0;
      ++at;
    } else {
      const DecodedChar c = decode_utf8(text, at);
      width += char_width(c.code_point);
      at += c.num_bytes;
    }
  }
  return width;
}

std::string shortened(std::string_view text, int width) {
  if (display_width(text) <= width) return std::string(text);
  const int room = width - 3;
  if (room <= 0) return std::string(static_cast<size_t>(std::max(width, 0)), '.');
  int used = 0;
  size_t at = 0;
  while (at < text.size()) {
    const Cluster next = cluster_at(text, at);
    if (used + next.width > room) break;
    used += next.width;
    at += next.num_bytes;
  }
  return std::string(text.substr(0, at)) + "...";
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte < 0x7F) {
      out += text[at++];
      continue;
    }
    const DecodedChar c = decode_utf8(text, at);
    const char32_t code = c.code_point;
    if (code == '\n' || code == '\t') {
      out += static_cast<char>(code);
    } else if (code < 0x20 || code == 0x7F) {
      out += {'^', static_cast<char>(code ^ 0x40)};
    } else {
      append_utf8(out, code < 0xA0 ? char32_t{0xFFFD} : code);
    }
    at += c.num_bytes;
  }
  return out;
}

}  // namespace glmv::terminal
