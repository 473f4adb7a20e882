#include "glmv/terminal/markdown_table.h"

#include <algorithm>
#include <numeric>

#include "glmv/terminal/display_width.h"
#include "glmv/terminal/markdown_inline.h"
#include "glmv/terminal/styled_text.h"

namespace glmv::terminal {
namespace {

using Row = std::vector<std::string>;

constexpr int kNarrowest = 4;  // columns of a cell
constexpr std::string_view kBetween = " \u2502 ";

enum class Align { kLeft, kRight, kCenter };

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

Row cells_of(std::string_view line) {
  std::string text = trimmed(line);
  if (text.starts_with('|')) text.erase(0, 1);
  if (text.ends_with('|') && !text.ends_with("\\|")) text.pop_back();
  Row cells;
  std::string cell;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '|') {
      cell += text[++i];
    } else if (text[i] == '|') {
      cells.push_back(trimmed(cell));
      cell.clear();
    } else {
      cell += text[i];
    }
  }
  cells.push_back(trimmed(cell));
  return cells;
}

std::vector<Row> rows_of(std::string_view source) {
  std::vector<Row> rows;
  for (size_t at = 0; at <= source.size();) {
    const size_t newline = std::min(source.find('\n', at), source.size());
    rows.push_back(cells_of(source.substr(at, newline - at)));
    at = newline + 1;
  }
  return rows;
}

Align align_of(const std::string& rule) {
  const bool left = rule.starts_with(':'), right = rule.ends_with(':');
  return right ? left ? Align::kCenter : Align::kRight : Align::kLeft;
}

std::string padded(const Spans& line, int width, Align align, bool colour) {
  const int room = std::max(0, width - display_width(line));
  const int left = align == Align::kLeft ? 0 : align == Align::kRight ? room : room / 2;
  return std::string(left, ' ') + styled(line, colour) + std::string(room - left, ' ');
}

std::vector<std::string> as_lists(const std::vector<Row>& rows, const RenderOptions& options) {
  std::vector<std::string> lines;
  for (size_t r = 2; r < rows.size(); ++r) {
    if (r > 2) lines.push_back("");
    for (size_t c = 0; c < rows[r].size(); ++c) {
      Spans spans = parse_inline(rows[r][c], !options.colour);
      const std::string head = c < rows[0].size() ? rows[0][c] + ": " : "";
      spans.insert(spans.begin(), {head, kBold});
      for (const Spans& line : wrap(spans, options.width)) {
        lines.push_back(styled(line, options.colour));
      }
    }
  }
  return lines;
}

// The widest column gives until all fit.
bool shrink(std::vector<int>& widths, int room) {
  int total = std::accumulate(widths.begin(), widths.end(), 0);
  while (total > room) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= kNarrowest) return false;
    --*widest;
    --total;
  }
  return true;
}

}  // namespace

std::vector<std::string> render_table(std::string_view source, const RenderOptions& options) {
  std::vector<Row> rows = rows_of(source);
  const size_t columns = rows[0].size();
  std::vector<int> widths(columns, 1);
  std::vector<std::vector<Spans>> cells;
  for (size_t r = 0; r < rows.size(); ++r) {
    rows[r].resize(std::max(r < 2 ? columns : rows[r].size(), columns));
    if (r == 1) continue;
    cells.emplace_back();
    for (size_t c = 0; c < columns; ++c) {
      cells.back().push_back(parse_inline(rows[r][c], !options.colour));
      if (r == 0) {
        for (Span& span : cells.back().back()) span.style |= kBold;
      }
      widths[c] = std::max(widths[c], display_width(cells.back().back()));
    }
  }
  const int between = display_width(kBetween) * static_cast<int>(columns - 1);
  if (!shrink(widths, options.width - between)) return as_lists(rows, options);

  std::vector<std::string> lines;
  for (size_t r = 0; r < cells.size(); ++r) {
    std::vector<std::vector<Spans>> wrapped;
    size_t height = 1;
    for (size_t c = 0; c < columns; ++c) {
      wrapped.push_back(wrap(cells[r][c], widths[c]));
      height = std::max(height, wrapped.back().size());
    }
    for (size_t h = 0; h < height; ++h) {
      std::string line;
      for (size_t c = 0; c < columns; ++c) {
        const Spans part = h < wrapped[c].size() ? wrapped[c][h] : Spans{};
        line += (c == 0 ? "" : styled(kBetween, kDim, options.colour)) +
                padded(part, widths[c], align_of(rows[1][c]), options.colour);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      lines.push_back(std::move(line));
    }
    if (r > 0) continue;
    std::string rule;
    for (size_t c = 0; c < columns; ++c) {
      if (c > 0) rule += "\u2500\u253c\u2500";
      for (int i = 0; i < widths[c]; ++i) rule += "\u2500";
    }
    lines.push_back(styled(rule, kDim, options.colour));
  }
  return lines;
}

}  // namespace glmv::terminal
