#include "glmv/terminal/styled_text.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/terminal/display_width.h"

namespace glmv::terminal {
namespace {

// One cluster of the text, where a line may end before it or not.
struct Cell {
  size_t span;
  std::string_view text;
  int width;
  bool space, newline, break_before;
};

// Characters that stay with what is before (closing) or behind (opening) them.
constexpr std::u32string_view kClosing =
    U"\u3001\u3002\uff0c\uff0e\uff01\uff1f\uff1a\uff1b\uff09\u3011\u300d\u300f\u300b\u3009\u3015"
    U"\u2019\u201d\u2026\uff5d\uff3d\u30fc\uff05";
constexpr std::u32string_view kOpening = U"\uff08\u3010\u300c\u300e\u300a\u3008\u3014\u2018\u201c";

bool is_letter_or_digit(char32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

std::vector<Cell> cells_of(const Spans& spans) {
  std::vector<Cell> cells;
  char32_t before = U' ', before_that = U' ';
  int width_before = 0, width_before_that = 0;
  for (size_t s = 0; s < spans.size(); ++s) {
    const std::string_view text = spans[s].text;
    for (size_t at = 0; at < text.size();) {
      const Cluster cluster = cluster_at(text, at);
      const char32_t c = decode_utf8(text, at).code_point;
      const bool space = c == ' ' || c == '\t';
      const bool wide = cluster.width > 1 || width_before > 1;
      const bool apart =
          kClosing.find(c) == kClosing.npos && kOpening.find(before) == kOpening.npos;
      // Not behind those that begin a word: --option, -o.
      const bool inside =
          before_that < 0x80 ? is_letter_or_digit(before_that) : width_before_that < 2;
      const bool behind_hyphen = before == '-' && inside && c != '-' && !(c >= '0' && c <= '9');
      const bool may_break =
          !space && (before == ' ' || before == '\t' || behind_hyphen || (wide && apart));
      cells.push_back({s, text.substr(at, cluster.num_bytes), c == '\t' ? 4 : cluster.width, space,
                       c == '\n', may_break});
      before_that = before;
      width_before_that = width_before;
      before = c;
      width_before = cluster.width;
      at += cluster.num_bytes;
    }
  }
  return cells;
}

Spans line_of(const Spans& spans, const std::vector<Cell>& cells, size_t begin, size_t end) {
  while (end > begin && cells[end - 1].space) --end;
  Spans line;
  size_t last = spans.size();
  for (size_t i = begin; i < end; ++i) {
    if (cells[i].newline) continue;
    if (cells[i].span != last) line.push_back({"", spans[cells[i].span].style});
    last = cells[i].span;
    line.back().text += cells[i].text == "\t" ? std::string_view("    ") : cells[i].text;
  }
  return line;
}

}  // namespace

std::string styled(std::string_view text, Style style, bool colour) {
  if (!colour || style == kPlain || text.empty()) return std::string(text);
  std::string codes;
  const auto add = [&](Style bit, const char* code) {
    if ((style & bit) == 0) return;
    codes += codes.empty() ? "" : ";";
    codes += code;
  };
  add(kBold, "1");
  add(kDim, "2");
  add(kItalic, "3");
  add(kUnderline, "4");
  add(kStrike, "9");
  add(kCode, "36");
  add(kTitle, "1;35");
  return "\033[" + codes + "m" + std::string(text) + "\033[0m";
}

std::string styled(const Spans& spans, bool colour) {
  std::string out;
  for (const Span& span : spans) out += styled(span.text, span.style, colour);
  return out;
}

int display_width(const Spans& spans) {
  int width = 0;
  for (const Span& span : spans) width += display_width(span.text);
  return width;
}

std::vector<Spans> wrap(const Spans& spans, int width) {
  width = std::max(width, 2);
  const std::vector<Cell> cells = cells_of(spans);
  std::vector<Spans> lines;
  size_t begin = 0, place = 0;      // of the line; where it may be broken last (begin: nowhere)
  int used = 0, used_at_place = 0;  // columns up to now, up to there
  for (size_t i = 0; i < cells.size(); ++i) {
    const Cell& cell = cells[i];
    if (cell.newline) {
      lines.push_back(line_of(spans, cells, begin, i));
      begin = place = i + 1;
      used = used_at_place = 0;
      continue;
    }
    if (cell.break_before && i > begin) {
      place = i;
      used_at_place = used;
    }
    if (used + cell.width > width && !cell.space) {
      const bool nowhere = place == begin;
      const size_t end = nowhere ? i : place;
      lines.push_back(line_of(spans, cells, begin, end));
      used -= nowhere ? used : used_at_place;
      begin = place = end;
      used_at_place = 0;
    }
    used += cell.width;
  }
  lines.push_back(line_of(spans, cells, begin, cells.size()));
  return lines;
}

std::vector<std::string> wrap(std::string_view text, int width) {
  std::vector<std::string> lines;
  for (const Spans& line : wrap(Spans{{std::string(text), kPlain}}, width)) {
    lines.push_back(line.empty() ? "" : line.front().text);
  }
  return lines;
}

}  // namespace glmv::terminal
