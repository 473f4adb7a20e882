#include "glmv/terminal/markdown_render.h"

#include <algorithm>

#include "glmv/parsers/answer.h"
#include "glmv/terminal/display_width.h"
#include "glmv/terminal/markdown_inline.h"
#include "glmv/terminal/markdown_table.h"

namespace glmv::terminal {
namespace {

using Lines = std::vector<std::string>;

constexpr int kNarrowest = 8;  // columns that text gets beside any indent

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

void add_style(Spans& spans, Style style) {
  for (Span& span : spans) span.style |= style;
}

// `first` in front of the first line, as many blanks in front of the others.
Lines wrapped(const Spans& spans, const RenderOptions& options, const std::string& first,
              const std::string& others) {
  Lines lines;
  const int width = std::max(options.width - display_width(first), kNarrowest);
  for (const Spans& line : wrap(spans, width)) {
    lines.push_back((lines.empty() ? first : others) + styled(line, options.colour));
  }
  return lines;
}

Lines render_heading(std::string_view source, const RenderOptions& options) {
  std::string_view text = trimmed(source);
  const size_t level = text.find_first_not_of('#');
  std::string_view inside = trimmed(text.substr(level));
  while (!inside.empty() && inside.back() == '#') inside.remove_suffix(1);
  Spans spans = parse_inline(trimmed(inside), !options.colour);
  add_style(spans, level == 1 ? kTitle | kUnderline : level == 2 ? kTitle : kBold);
  if (!options.colour) spans.insert(spans.begin(), {std::string(level, '#') + " ", kPlain});
  return wrapped(spans, options, "", "");
}

Lines render_item(std::string_view source, const RenderOptions& options) {
  const size_t indent = source.find_first_not_of(" \t");
  std::string_view rest = source.substr(indent);
  const size_t mark_end = rest.find(' ');
  const bool numbered = rest[0] >= '0' && rest[0] <= '9';
  const std::string mark = numbered ? std::string(rest.substr(0, mark_end)) : "\u2022";
  rest.remove_prefix(std::min(rest.find_first_not_of(' ', mark_end), rest.size()));
  // Continuation lines are indented as the item's text is.
  std::string text;
  for (size_t at = 0; at <= rest.size();) {
    const size_t newline = std::min(rest.find('\n', at), rest.size());
    text += (at == 0 ? "" : "\n") + std::string(trimmed(rest.substr(at, newline - at)));
    at = newline + 1;
  }
  const int deepest = std::max(0, options.width / 2 - 4);
  const std::string blank(std::min<size_t>(indent, deepest), ' ');
  const std::string first = blank + styled(mark, kBold, options.colour) + " ";
  const std::string others = blank + std::string(display_width(mark) + 1, ' ');
  return wrapped(parse_inline(text, !options.colour), options, first, others);
}

Lines render_quote(std::string_view source, const RenderOptions& options) {
  const std::string bar = styled("\u2502", kDim, options.colour) + " ";
  Lines lines;
  for (size_t at = 0; at <= source.size();) {
    const size_t newline = std::min(source.find('\n', at), source.size());
    std::string_view line = trimmed(source.substr(at, newline - at));
    if (line.starts_with('>')) line = trimmed(line.substr(1));
    Spans spans = parse_inline(line, !options.colour);
    add_style(spans, kItalic);
    for (std::string& text : wrapped(spans, options, bar, bar)) lines.push_back(std::move(text));
    at = newline + 1;
  }
  return lines;
}

std::string rule(const RenderOptions& options) {
  std::string line;
  for (int i = 0; i < options.width; ++i) line += "\u2500";
  return styled(line, kDim, options.colour);
}

std::string without_tabs(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\t' ? std::string("    ") : std::string(1, c);
  return out;
}

}  // namespace

std::vector<std::string> render_block(const Block& block, const RenderOptions& options) {
  if (!options.markdown) {
    if (block.kind == BlockKind::kCodeLine) return {without_tabs(block.source)};
    return wrap(parsers::strip_box_markers(block.source), options.width);
  }
  switch (block.kind) {
    case BlockKind::kHeading:
      return render_heading(block.source, options);
    case BlockKind::kItem:
      return render_item(block.source, options);
    case BlockKind::kQuote:
      return render_quote(block.source, options);
    case BlockKind::kTable:
      return render_table(block.source, options);
    case BlockKind::kRule:
      return {rule(options)};
    case BlockKind::kFenceOpen:
    case BlockKind::kFenceClose:
      return {styled(block.source, kDim, options.colour)};
    case BlockKind::kCodeLine:
      return {styled(without_tabs(block.source), kCode, options.colour)};
    case BlockKind::kBlank:
      return {""};
    case BlockKind::kMath:
      return wrap(block.source, options.width);
    case BlockKind::kParagraph:
      break;
  }
  return wrapped(parse_inline(block.source, !options.colour), options, "", "");
}

std::vector<std::string> render_open(const Block& block, int width) {
  if (block.source.empty()) return {};
  if (block.kind == BlockKind::kCodeLine) return {without_tabs(block.source)};
  return wrap(parsers::strip_box_markers(block.source), width);
}

}  // namespace glmv::terminal
