#include "glmv/parsers/written_time.h"

#include <charconv>

#include "glmv/parsers/white_space.h"

namespace glmv::parsers {
namespace {

constexpr double kMostSeconds = 1e7;

struct Unit {
  std::string_view word;
  double seconds;
};
// Longer words first. A lone "m" is a metre.
constexpr Unit kUnits[] = {{"seconds", 1},
                           {"second", 1},
                           {"secs", 1},
                           {"sec", 1},
                           {"s", 1},
                           {"minutes", 60},
                           {"minute", 60},
                           {"mins", 60},
                           {"min", 60},
                           {"hours", 3600},
                           {"hour", 3600},
                           {"hrs", 3600},
                           {"hr", 3600},
                           {"h", 3600},
                           {"\xE7\xA7\x92", 1},                 // seconds
                           {"\xE5\x88\x86\xE9\x92\x9F", 60},    // minutes
                           {"\xE5\x88\x86", 60},                // minutes, short
                           {"\xE5\xB0\x8F\xE6\x97\xB6", 3600},  // hours
                           {"\xE6\x97\xB6", 3600}};             // hours, short

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool digit_at(std::string_view text, size_t pos) {
  return pos < text.size() && is_digit(text[pos]);
}

// Digits, with a part behind a point where `with_fraction`.
std::optional<double> number_at(std::string_view text, size_t& pos, bool with_fraction) {
  size_t end = pos;
  while (digit_at(text, end)) ++end;
  if (end == pos || end - pos > 9) return std::nullopt;
  if (with_fraction && end < text.size() && text[end] == '.' && digit_at(text, end + 1)) {
    ++end;
    while (digit_at(text, end)) ++end;
  }
  double value = 0;
  if (std::from_chars(text.data() + pos, text.data() + end, value).ec != std::errc()) {
    return std::nullopt;
  }
  pos = end;
  return value;
}

// The decimal part of a clock's seconds.
double fraction_at(std::string_view text, size_t& pos) {
  if (pos >= text.size() || !digit_at(text, pos + 1)) return 0;
  size_t end = pos + 1;
  while (digit_at(text, end)) ++end;
  const size_t num_digits = end - pos - 1;
  if (text[pos] != '.' && !(text[pos] == ',' && num_digits == 3)) return 0;
  double value = 0, weight = 0.1;
  for (size_t i = pos + 1; i < end; ++i, weight /= 10) value += (text[i] - '0') * weight;
  pos = end;
  return value;
}

// The rest of mm:ss or hh:mm:ss behind its first number.
std::optional<double> clock_at(std::string_view text, size_t& pos, double first) {
  double seconds = first;
  int num_parts = 1;
  while (num_parts < 3 && pos < text.size() && text[pos] == ':' && digit_at(text, pos + 1)) {
    size_t end = pos + 1;
    const std::optional<double> part = number_at(text, end, false);
    if (!part || end - pos > 3 || *part >= 60) return std::nullopt;
    seconds = seconds * 60 + *part;
    pos = end;
    ++num_parts;
  }
  if (pos < text.size() && text[pos] == ':' && digit_at(text, pos + 1)) return std::nullopt;
  return seconds + fraction_at(text, pos);
}

// The unit at text[pos], behind at most one blank.
const Unit* unit_at(std::string_view text, size_t& pos) {
  const size_t begin = pos < text.size() && text[pos] == ' ' ? pos + 1 : pos;
  const std::string_view rest = text.substr(begin);
  for (const Unit& unit : kUnits) {
    if (!rest.starts_with(unit.word)) continue;
    const size_t size = unit.word.size();
    // "5m30s": letters may be followed by a number, not by more letters.
    if (is_letter(unit.word[0]) && size < rest.size() && is_letter(rest[size])) continue;
    pos = begin + size;
    return &unit;
  }
  if (rest.size() > 1 && rest[0] == 'm' && is_digit(rest[1])) {
    static constexpr Unit kMinute{"m", 60};
    pos = begin + 1;
    return &kMinute;
  }
  return nullptr;
}

}  // namespace

std::optional<WrittenTime> parse_time(std::string_view text, size_t& pos) {
  size_t at = pos;
  const std::optional<double> whole = number_at(text, at, false);
  if (!whole) return std::nullopt;
  WrittenTime time;
  if (at < text.size() && text[at] == ':' && digit_at(text, at + 1)) {
    const std::optional<double> seconds = clock_at(text, at, *whole);
    if (!seconds || *seconds > kMostSeconds) return std::nullopt;
    time.seconds = *seconds;
    time.is_clock = true;
    pos = at;
    return time;
  }
  at = pos;
  double value = *number_at(text, at, true);
  double smallest = 1e9;
  int num_units = 0;
  while (const Unit* unit = unit_at(text, at)) {
    if (unit->seconds >= smallest) return std::nullopt;
    smallest = unit->seconds;
    time.seconds += value * unit->seconds;
    time.scale = unit->seconds;
    ++num_units;
    pos = at;
    if (at < text.size() && text[at] == ' ') ++at;
    const std::optional<double> more = number_at(text, at, true);
    if (!more) break;
    value = *more;
  }
  time.has_unit = num_units > 0;
  if (num_units == 0) {
    time.seconds = value;
    pos = at;
  }
  if (num_units > 1) time.scale = 1;
  if (time.seconds > kMostSeconds) return std::nullopt;
  return time;
}

std::optional<double> parse_whole_time(std::string_view text) {
  text = trim_white_space(text);
  size_t pos = 0;
  const std::optional<WrittenTime> time = parse_time(text, pos);
  if (!time || pos != text.size()) return std::nullopt;
  return time->seconds;
}

}  // namespace glmv::parsers
