#pragma once
// Moments as people and models write them.

#include <optional>
#include <string_view>

namespace glmv::parsers {

struct WrittenTime {
  double seconds = 0;
  bool has_unit = false;  // "12.5s", "1 min 30 s"
  bool is_clock = false;  // "1:30", "1:02:03.5"
  double scale = 1;       // seconds in the unit, where there is one only
};

// The moment at text[pos]: mm:ss, hh:mm:ss, either with a decimal part behind a point (or three
// digits behind a comma, as in SRT), a number with units (s, sec, min, h and longer, Chinese ones),
// or a bare number, taken as seconds. Advances pos. nullopt: none, or more than ten million
// seconds.
std::optional<WrittenTime> parse_time(std::string_view text, size_t& pos);

// `text` as a whole, without white space around it.
std::optional<double> parse_whole_time(std::string_view text);

}  // namespace glmv::parsers
