#pragma once
// The JSON models write: single quotes, True / False / None, bare line breaks in strings, trailing
// commas, leading zeros, a plus sign, fractions as numbers. Reads one value inside other text.

#include <optional>
#include <string_view>

#include "glmv/base/json.h"

namespace glmv::parsers {

// The value at text[pos] (an array, object, string, number or word). Advances pos behind it;
// nullopt (pos unspecified) when there is no complete value or it is nested deeper than 16 levels.
// Strings are repaired to valid UTF-8. Of equal keys the last one counts.
std::optional<Json> parse_relaxed_json(std::string_view text, size_t& pos);

}  // namespace glmv::parsers
