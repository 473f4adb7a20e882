#include "glmv/parsers/coordinates.h"

#include <charconv>
#include <cmath>

#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

constexpr int kMaxDepth = 4;
constexpr std::string_view kBboxOpen = "<bbox>";
constexpr std::string_view kBboxClose = "</bbox>";
constexpr std::string_view kFullwidthComma = "\xEF\xBC\x8C";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits with an optional fraction part, no sign, no exponent.
std::optional<double> parse_decimal(std::string_view text, size_t& pos) {
  size_t end = pos;
  while (end < text.size() && is_digit(text[end])) ++end;
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
    ++end;
    while (end < text.size() && is_digit(text[end])) ++end;
  }
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data() + pos, text.data() + end, value);
  if (error != std::errc() || stop != text.data() + end || !std::isfinite(value)) {
    return std::nullopt;
  }
  pos = end;
  return value;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<NumberGroup> group(size_t& pos, int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    NumberGroup group;
    group.begin = pos;
    std::string_view close;
    if (text_.substr(pos).starts_with(kBboxOpen)) {
      group.bracket = 'b';
      close = kBboxClose;
      pos += kBboxOpen.size();
    } else {
      const size_t kind = std::string_view("[({<").find(text_[pos]);
      if (kind == std::string_view::npos) return std::nullopt;
      group.bracket = text_[pos];
      close = std::string_view("])}>").substr(kind, 1);
      ++pos;
    }
    bool separated = true;  // the first item needs no separator
    bool dangling = false;  // a comma or semicolon without an item behind it
    while (true) {
      separated |= skip_blank(pos);
      if (pos >= text_.size()) return std::nullopt;
      if (text_.substr(pos).starts_with(close)) {
        if (dangling || (group.numbers.empty() && group.groups.empty())) return std::nullopt;
        pos += close.size();
        group.end = pos;
        return group;
      }
      const bool has_items = !group.numbers.empty() || !group.groups.empty();
      if (has_items && !dangling && separator(pos)) {
        if (text_[pos - 1] == ';') group.row_ends.push_back(group.numbers.size());
        separated = dangling = true;
        continue;
      }
      if (is_digit(text_[pos]) || text_[pos] == '-' || text_[pos] == '+') {
        if (!group.groups.empty() || !separated) return std::nullopt;
        const std::optional<double> number = parse_number(text_, pos);
        if (!number) return std::nullopt;
        group.numbers.push_back(*number);
      } else {
        if (!group.numbers.empty()) return std::nullopt;
        std::optional<NumberGroup> inner = this->group(pos, depth + 1);
        if (!inner) return std::nullopt;
        group.groups.push_back(std::move(*inner));
      }
      separated = dangling = false;
    }
  }

 private:
  bool skip_blank(size_t& pos) const {
    const size_t before = pos;
    while (pos < text_.size() && is_white_space(text_[pos])) ++pos;
    return pos > before;
  }

  bool separator(size_t& pos) const {
    if (text_[pos] == ',' || text_[pos] == ';') {
      ++pos;
      return true;
    }
    if (text_.substr(pos).starts_with(kFullwidthComma)) {
      pos += kFullwidthComma.size();
      return true;
    }
    return false;
  }

  std::string_view text_;
};

}  // namespace

std::optional<double> parse_number(std::string_view text, size_t& pos) {
  size_t at = pos;
  const bool negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  if (at >= text.size() || !is_digit(text[at])) return std::nullopt;
  std::optional<double> value = parse_decimal(text, at);
  if (!value) return std::nullopt;
  if (at + 1 < text.size() && text[at] == '/' && is_digit(text[at + 1])) {
    const std::optional<double> divisor = parse_decimal(text, ++at);
    if (!divisor || *divisor == 0) return std::nullopt;
    *value /= *divisor;
    if (!std::isfinite(*value)) return std::nullopt;
  }
  pos = at;
  return negative ? -*value : *value;
}

std::optional<NumberGroup> parse_number_group(std::string_view text, size_t pos) {
  return Reader(text).group(pos, 1);
}

std::vector<NumberGroup> find_number_groups(std::string_view text) {
  std::vector<NumberGroup> found;
  for (size_t pos = 0; pos < text.size();) {
    pos = text.find_first_of("[({<", pos);
    if (pos == std::string_view::npos) break;
    if (std::optional<NumberGroup> group = parse_number_group(text, pos)) {
      pos = group->end;
      found.push_back(std::move(*group));
    } else {
      ++pos;
    }
  }
  return found;
}

}  // namespace glmv::parsers
