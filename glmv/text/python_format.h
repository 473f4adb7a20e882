#pragma once
// Python's str(), repr(), json.dumps() and "%" formatting of template values, byte for byte.

#include <string>

#include "glmv/base/result.h"
#include "glmv/text/jinja_value.h"

namespace glmv::text::jinja {

// Shortest digits that read back; 1e+16, 1e-05, 123456789.0, nan, inf.
std::string float_repr(double value);
// 'text' or "it's", with escapes.
std::string string_repr(std::string_view text);

Result<Text> to_str(Budget& budget, const Value& value);
Result<Text> to_repr(Budget& budget, const Value& value);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // one level of it
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
Result<Text> to_json_text(Budget& budget, const Value& value, const JsonStyle& style);

// "%s is %d" % values. Conversions d i s r f F e E g G x X o c and %%, with flags, width,
// precision.
Result<Text> percent_format(Budget& budget, const Text& format, const Value& values);

// int(text, base) and float(text) of Python; nullopt when it raises ValueError.
std::optional<Int> parse_python_int(std::string_view text, int base);
std::optional<double> parse_python_float(std::string_view text);

}  // namespace glmv::text::jinja
