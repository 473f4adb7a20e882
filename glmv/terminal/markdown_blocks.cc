#include "glmv/terminal/markdown_blocks.h"

#include <algorithm>
#include <utility>

namespace glmv::terminal {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Length of the run of fence characters at the start; 0: no fence.
size_t fence_run(std::string_view text) {
  if (!text.starts_with("```") && !text.starts_with("~~~")) return 0;
  return std::min(text.find_first_not_of(text[0]), text.size());
}

bool is_item(std::string_view text) {
  if (text.size() > 1 && (text[0] == '-' || text[0] == '*' || text[0] == '+')) {
    return text[1] == ' ';
  }
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  return digits > 0 && digits < 10 && digits + 1 < text.size() &&
         (text[digits] == '.' || text[digits] == ')') && text[digits + 1] == ' ';
}

bool is_rule(std::string_view text) {
  const char c = text[0];
  if (c != '-' && c != '*' && c != '_') return false;
  return std::ranges::count(text, c) >= 3 &&
         text.find_first_not_of(std::string{c, ' '}) == text.npos;
}

// What ends the formula that `text` begins; "": it begins none.
std::string_view math_end(std::string_view text) {
  if (text.starts_with("$$")) return "$$";
  if (text.starts_with("\\[")) return "\\]";
  return {};
}

}  // namespace

BlockKind line_kind(std::string_view line) {
  const std::string_view text = trimmed(line);
  if (text.empty()) return BlockKind::kBlank;
  if (const size_t run = fence_run(text); run > 0) {
    // `` ```code``` `` on one line is inline code.
    if (text[0] != '`' || text.find('`', run) == text.npos) return BlockKind::kFenceOpen;
  }
  if (text[0] == '#') {
    const size_t marks = std::min(text.find_first_not_of('#'), text.size());
    if (marks <= 6 && marks < text.size() && text[marks] == ' ') return BlockKind::kHeading;
  }
  if (is_rule(text)) return BlockKind::kRule;
  if (is_item(text)) return BlockKind::kItem;
  if (text[0] == '>') return BlockKind::kQuote;
  if (!math_end(text).empty()) return BlockKind::kMath;
  return BlockKind::kParagraph;
}

bool is_table_rule(std::string_view line) {
  const std::string_view text = trimmed(line);
  return text.find('-') != text.npos && text.find('|') != text.npos &&
         text.find_first_not_of("|-: \t") == text.npos;
}

void BlockStream::close(std::vector<Block>& out) {
  if (has_open_) out.push_back(std::exchange(open_, {}));
  has_open_ = false;
}

void BlockStream::append(const std::string& line) {
  if (has_open_) open_.source += '\n';
  open_.source += line;
  has_open_ = true;
}

// The last line of the open paragraph is the head of a table if this one is its rule.
bool BlockStream::start_table(const std::string& line, std::vector<Block>& out) {
  if (!has_open_ || open_.kind != BlockKind::kParagraph || !is_table_rule(line)) return false;
  const size_t newline = open_.source.rfind('\n');
  std::string head = newline == std::string::npos ? open_.source : open_.source.substr(newline + 1);
  if (head.find('|') == std::string::npos) return false;
  if (newline != std::string::npos) {
    out.push_back({BlockKind::kParagraph, open_.source.substr(0, newline)});
  }
  open_ = {BlockKind::kTable, std::move(head)};
  append(line);
  return true;
}

void BlockStream::on_line(std::string line, std::vector<Block>& out) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  const std::string_view text = trimmed(line);
  if (fence_ != 0) {
    const size_t run = fence_run(text);
    const bool ends = run >= fence_size_ && text[0] == fence_ && run == text.size();
    out.push_back({ends ? BlockKind::kFenceClose : BlockKind::kCodeLine, std::move(line)});
    if (ends) fence_ = 0;
    return;
  }
  const BlockKind kind = line_kind(line);
  if (has_open_ && open_.kind == BlockKind::kMath && kind != BlockKind::kBlank) {
    append(line);
    if (text.find(math_end_) != text.npos) close(out);
    return;
  }
  if (has_open_ && open_.kind == BlockKind::kTable && text.find('|') != text.npos) {
    return append(line);
  }
  if (start_table(line, out)) return;
  switch (kind) {
    case BlockKind::kParagraph:
      if (has_open_ && open_.kind == BlockKind::kTable) close(out);
      if (!has_open_) open_.kind = kind;
      return append(line);
    case BlockKind::kQuote:
      if (!has_open_ || open_.kind != kind) close(out);
      open_.kind = kind;
      return append(line);
    case BlockKind::kItem:
      close(out);
      open_.kind = kind;
      return append(line);
    case BlockKind::kMath:
      close(out);
      open_.kind = kind;
      math_end_ = math_end(text);
      append(line);
      if (text.find(math_end_, 2) != text.npos) close(out);
      return;
    case BlockKind::kFenceOpen:
      fence_ = text[0];
      fence_size_ = fence_run(text);
      [[fallthrough]];
    default:
      close(out);
      out.push_back({kind, std::move(line)});
  }
}

std::vector<Block> BlockStream::feed(std::string_view text) {
  std::vector<Block> out;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    line_ += text.substr(0, newline);
    if (newline == text.npos) break;
    on_line(std::exchange(line_, {}), out);
    text.remove_prefix(newline + 1);
  }
  return out;
}

std::vector<Block> BlockStream::finish() {
  std::vector<Block> out;
  if (!line_.empty()) on_line(std::exchange(line_, {}), out);
  close(out);
  fence_ = 0;
  return out;
}

Block BlockStream::open() const {
  if (fence_ != 0) return {BlockKind::kCodeLine, line_};
  if (!has_open_) return {line_.empty() ? BlockKind::kBlank : line_kind(line_), line_};
  return {open_.kind, line_.empty() ? open_.source : open_.source + '\n' + line_};
}

}  // namespace glmv::terminal
