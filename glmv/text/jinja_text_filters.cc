// Filters that make texts and numbers.
#include <algorithm>
#include <cmath>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_filters.h"
#include "glmv/text/jinja_methods.h"
#include "glmv/text/jinja_unicode.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

using Out = Result<Value>;

bool flag(const std::optional<Value>& value, bool absent = false) {
  return value ? truth(*value) : absent;
}

Out default_value(Budget&, const Value& value, const Bound& args) {
  if (value.is_undefined() || (flag(args[1]) && !truth(value))) {
    return args[0].value_or(Value::string(""));
  }
  return value;
}

Out string_filter(Budget& budget, const Value& value, const Bound&) {
  if (value.is_string()) return value;
  GLMV_ASSIGN(Text text, to_str(budget, value));
  return make_string(budget, std::move(text));
}

template <Case kTo>
Out case_filter(Budget& budget, const Value& value, const Bound&) {
  GLMV_ASSIGN(const Text text, to_str(budget, value));
  return change_case(budget, text, kTo);
}

// Unlike str.title, only white space and opening brackets and dashes start a word.
Out title_filter(Budget& budget, const Value& value, const Bound&) {
  GLMV_ASSIGN(const Text text, to_str(budget, value));
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 4));
  Text out;
  size_t begin = 0;
  const auto flush = [&](size_t end) -> Result<void> {
    GLMV_ASSIGN(const Value word, change_case(budget, text.slice(begin, end), Case::kCapitalize));
    out.append(word.as_text());
    begin = end;
    return {};
  };
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar c = decode_utf8(text.bytes(), pos);
    const char32_t p = c.code_point;
    const size_t end = pos + c.num_bytes;
    if (is_space(p) || p == '-' || p == '(' || p == '{' || p == '[' || p == '<') {
      GLMV_RETURN_IF_ERROR(flush(pos));
      out.append(text, pos, end);
      begin = end;
    }
    pos = end;
  }
  GLMV_RETURN_IF_ERROR(flush(text.size()));
  return make_string(budget, std::move(out));
}

Out trim(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(const Text text, to_str(budget, value));
  return strip(budget, text, args[0] ? &*args[0] : nullptr, true, true);
}

Out replace_filter(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(const Text text, to_str(budget, value));
  GLMV_ASSIGN(const Text from, to_str(budget, *args[0]));
  GLMV_ASSIGN(const Text to, to_str(budget, *args[1]));
  int64_t count = -1;
  if (args[2] && !args[2]->is_none()) {
    GLMV_ASSIGN(count, to_int64(*args[2], "count"));
  }
  return replace(budget, text, from, to, count);
}

Out indent(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(Text text, to_str(budget, value));
  Text indention("    ");
  if (args[0] && args[0]->is_string()) {
    indention = args[0]->as_text();
  } else if (args[0]) {
    GLMV_ASSIGN(const int64_t width, to_int64(*args[0], "width"));
    if (width > 10'000) return resource_exhausted("indent is wider than 10000");
    indention = Text(std::string(std::max<int64_t>(width, 0), ' '));
  }
  text.append("\n");  // so that a final line end makes an empty last line
  const std::vector<Text> lines = split_lines(text, false);
  GLMV_RETURN_IF_ERROR(budget.spend(text.size() / 8 + lines.size() * (1 + indention.size() / 32)));
  if (lines.size() * indention.size() > budget.limits.max_string_bytes) {
    return resource_exhausted("the indented text is too large");
  }
  Text out;
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool indented = i == 0 ? flag(args[1]) : flag(args[2]) || !lines[i].empty();
    if (i > 0) out.append("\n");
    if (indented) out.append(indention);
    out.append(lines[i]);
  }
  return make_string(budget, std::move(out));
}

Out center(Budget& budget, const Value& value, const Bound& args) {
  GLMV_ASSIGN(Text text, to_str(budget, value));
  return call_method(budget, Value::string(std::move(text)), "center",
                     CallArgs{{args[0].value_or(Value::integer(80))}, {}});
}

Out truncate(Budget& budget, const Value& value, const Bound& args) {
  int64_t width = 255;
  int64_t leeway = 5;
  if (args[0]) {
    GLMV_ASSIGN(width, to_int64(*args[0], "length"));
  }
  if (args[3] && !args[3]->is_none()) {
    GLMV_ASSIGN(leeway, to_int64(*args[3], "leeway"));
  }
  Text end("...");
  if (args[2]) {
    GLMV_ASSIGN(end, to_str(budget, *args[2]));
  }
  const int64_t end_size = static_cast<int64_t>(count_code_points(end.bytes()));
  if (width < end_size) return invalid_argument("expected length >= {}, got {}", end_size, width);
  if (leeway < 0) return invalid_argument("expected leeway >= 0, got {}", leeway);
  GLMV_ASSIGN(const Text text, to_str(budget, value));
  if (static_cast<int64_t>(count_code_points(text.bytes())) <= width + leeway) {
    return make_string(budget, text);
  }
  Text out = text.slice(0, code_point_offset(text.bytes(), width - end_size));
  if (!flag(args[1])) {
    const size_t space = out.bytes().rfind(' ');
    if (space != std::string::npos) out.truncate(space);
  }
  out.append(end);
  return make_string(budget, std::move(out));
}

Out wordcount(Budget& budget, const Value& value, const Bound&) {
  GLMV_ASSIGN(const Text text, to_str(budget, value));
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 8));
  Int count = 0;
  bool inside = false;
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar c = decode_utf8(text.bytes(), pos);
    const bool word = is_word(c.code_point);
    count += word && !inside;
    inside = word;
    pos += c.num_bytes;
  }
  return Value::integer(count);
}

Out tojson(Budget& budget, const Value& value, const Bound& args) {
  JsonStyle style;
  style.ensure_ascii = flag(args[0]);
  style.sort_keys = flag(args[3]);
  if (args[1] && !args[1]->is_none()) {
    if (args[1]->is_string()) {
      style.indent = args[1]->as_bytes();
    } else {
      GLMV_ASSIGN(const int64_t width, to_int64(*args[1], "indent"));
      if (width > 1000) return resource_exhausted("indent is wider than 1000");
      style.indent = std::string(std::max<int64_t>(width, 0), ' ');
    }
    style.item_separator = ",";
  }
  if (args[2] && !args[2]->is_none()) {
    GLMV_ASSIGN(const std::vector<Value> pair, iterate(budget, *args[2]));
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      return invalid_argument("separators must be two strings");
    }
    style.item_separator = pair[0].as_bytes();
    style.key_separator = pair[1].as_bytes();
  }
  GLMV_ASSIGN(Text text, to_json_text(budget, value, style));
  return make_string(budget, std::move(text));
}

Out to_int(Budget&, const Value& value, const Bound& args) {
  const Value absent = args[0].value_or(Value::integer(0));
  if (value.is_integer()) return Value::integer(value.as_integer());
  double real = 0;
  if (value.is_string()) {
    int64_t base = 10;
    if (args[1]) {
      GLMV_ASSIGN(base, to_int64(*args[1], "base"));
    }
    if (base != 0 && (base < 2 || base > 36)) return absent;
    const auto parsed = parse_python_int(value.as_bytes(), static_cast<int>(base));
    if (parsed) return Value::integer(*parsed);
    const auto number = parse_python_float(value.as_bytes());
    if (!number) return absent;
    real = *number;
  } else if (value.is_float()) {
    real = value.as_double();
  } else if (value.is_undefined()) {
    return invalid_argument("{}", value.undefined_reason());
  } else {
    return absent;
  }
  if (!std::isfinite(real)) return absent;
  if (std::abs(real) >= 0x1p126) return invalid_argument("the number is too large for int");
  return Value::integer(static_cast<Int>(real));
}

Out to_float(Budget&, const Value& value, const Bound& args) {
  if (value.is_number()) return Value::number(value.as_double());
  if (value.is_undefined()) return invalid_argument("{}", value.undefined_reason());
  if (value.is_string()) {
    if (const auto parsed = parse_python_float(value.as_bytes())) return Value::number(*parsed);
  }
  return args[0].value_or(Value::number(0.0));
}

Out abs_filter(Budget&, const Value& value, const Bound&) {
  if (value.is_float()) return Value::number(std::abs(value.as_double()));
  if (value.is_integer()) {
    return value.as_integer() < 0 ? negate(value, true) : negate(value, false);
  }
  return value.is_undefined()
             ? Out(invalid_argument("{}", value.undefined_reason()))
             : Out(invalid_argument("bad operand type for abs(): '{}'", type_name(value)));
}

Out round_filter(Budget& budget, const Value& value, const Bound& args) {
  int64_t precision = 0;
  if (args[0]) {
    GLMV_ASSIGN(precision, to_int64(*args[0], "precision"));
  }
  const std::string method = args[1] && args[1]->is_string() ? args[1]->as_bytes() : "common";
  if (!value.is_number()) return invalid_argument("cannot round a {}", type_name(value));
  if (precision < -300 || precision > 300) return invalid_argument("precision is out of range");
  if (method == "common") {
    if (value.is_integer() && precision >= 0) return Value::integer(value.as_integer());
    const double number = value.as_double();
    if (!std::isfinite(number)) return Value::number(number);
    if (precision >= 0) {  // the decimal text rounds as Python does: exactly, half to even
      return Value::number(*parse_python_float(fmt::format("{:.{}f}", number, precision)));
    }
    const double scale = std::pow(10.0, -static_cast<double>(precision));
    const double rounded = std::nearbyint(number / scale) * scale;
    if (value.is_float()) return Value::number(rounded);
    return to_int(budget, Value::number(rounded), Bound(2));
  }
  if (method != "ceil" && method != "floor") {
    return invalid_argument("method must be common, ceil or floor");
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value.as_double() * scale;
  if (!std::isfinite(scaled)) return invalid_argument("cannot convert float infinity to integer");
  return Value::number((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Out format_filter(Budget& budget, const Value& value, const CallArgs& args) {
  if (!args.named.empty() && !args.positional.empty()) {
    return invalid_argument("can't handle positional and keyword arguments at the same time");
  }
  GLMV_ASSIGN(const Text text, to_str(budget, value));
  Value values;
  if (args.named.empty()) {
    GLMV_ASSIGN(values, make_sequence(budget, SequenceKind::kTuple, args.positional));
  } else {
    std::vector<std::pair<Value, Value>> items;
    for (const auto& [name, item] : args.named) items.emplace_back(Value::string(name), item);
    GLMV_ASSIGN(values, make_dict(budget, std::move(items)));
  }
  GLMV_ASSIGN(Text out, percent_format(budget, text, values));
  return make_string(budget, std::move(out));
}

const FilterRow kRows[] = {
    {"default", "default_value,boolean", 0, default_value},
    {"d", "default_value,boolean", 0, default_value},
    {"string", "", 0, string_filter},
    {"lower", "", 0, case_filter<Case::kLower>},
    {"upper", "", 0, case_filter<Case::kUpper>},
    {"capitalize", "", 0, case_filter<Case::kCapitalize>},
    {"title", "", 0, title_filter},
    {"trim", "chars", 0, trim},
    {"replace", "old,new,count", 2, replace_filter},
    {"indent", "width,first,blank", 0, indent},
    {"center", "width", 0, center},
    {"truncate", "length,killwords,end,leeway", 0, truncate},
    {"wordcount", "", 0, wordcount},
    {"tojson", "ensure_ascii,indent,separators,sort_keys", 0, tojson},
    {"int", "default,base", 0, to_int},
    {"float", "default", 0, to_float},
    {"abs", "", 0, abs_filter},
    {"round", "precision,method", 0, round_filter},
    {"format", "*", 0, nullptr, format_filter},
};

}  // namespace

FilterTable text_filters() { return {kRows, std::size(kRows)}; }

}  // namespace glmv::text::jinja
