// "%" formatting and the number parsers of python_format.h.
#include <charconv>
#include <cmath>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_unicode.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

constexpr int kMaxWidth = 10'000;

struct Conversion {
  bool minus = false, plus = false, space = false, zero = false, alternate = false;
  int width = 0;
  int precision = -1;
  char type = 0;
};

// Text of a number with sign and zero padding; `digits` has no sign.
std::string with_sign(const Conversion& spec, bool negative, std::string prefix,
                      std::string digits) {
  std::string sign = negative ? "-" : spec.plus ? "+" : spec.space ? " " : "";
  sign += prefix;
  const int missing = spec.width - static_cast<int>(sign.size() + digits.size());
  if (spec.zero && !spec.minus && missing > 0) digits.insert(0, missing, '0');
  return sign + digits;
}

Result<std::string> format_integer(const Conversion& spec, const Value& value) {
  if (!value.is_number() || (value.is_float() && (spec.type != 'd' && spec.type != 'i'))) {
    return invalid_argument("%{} format: a number is required, not {}", spec.type,
                            type_name(value));
  }
  Int number = 0;
  if (value.is_float()) {
    const double real = value.as_double();
    if (!(std::abs(real) < 0x1p126)) return invalid_argument("cannot convert float to integer");
    number = static_cast<Int>(real);
  } else {
    number = value.as_integer();
  }
  using Unsigned = unsigned __int128;
  const Unsigned size =
      number < 0 ? Unsigned{0} - static_cast<Unsigned>(number) : static_cast<Unsigned>(number);
  std::string digits;
  std::string prefix;
  switch (spec.type) {
    case 'x':
      digits = fmt::format("{:x}", size);
      prefix = "0x";
      break;
    case 'X':
      digits = fmt::format("{:X}", size);
      prefix = "0X";
      break;
    case 'o':
      digits = fmt::format("{:o}", size);
      prefix = "0o";
      break;
    default:
      digits = fmt::format("{}", size);
      break;
  }
  const int missing = spec.precision - static_cast<int>(digits.size());
  if (missing > 0) digits.insert(0, missing, '0');
  return with_sign(spec, number < 0, spec.alternate ? prefix : "", std::move(digits));
}

Result<std::string> format_float(const Conversion& spec, const Value& value) {
  if (!value.is_number()) {
    return invalid_argument("must be real number, not {}", type_name(value));
  }
  const double number = value.as_double();
  const int precision = spec.precision < 0 ? 6 : spec.precision;
  const double size = std::abs(number);
  std::string digits;
  switch (spec.type) {
    case 'f':
      digits = fmt::format("{:.{}f}", size, precision);
      break;
    case 'F':
      digits = fmt::format("{:.{}F}", size, precision);
      break;
    case 'e':
      digits = fmt::format("{:.{}e}", size, precision);
      break;
    case 'E':
      digits = fmt::format("{:.{}E}", size, precision);
      break;
    case 'g':
      digits = fmt::format("{:.{}g}", size, precision);
      break;
    default:
      digits = fmt::format("{:.{}G}", size, precision);
      break;
  }
  return with_sign(spec, std::signbit(number) && !std::isnan(number), "", std::move(digits));
}

class Formatter {
 public:
  Formatter(Budget& budget, const Text& format, const Value& values)
      : budget_(budget), format_(format), values_(values) {
    is_tuple_ = values.is_sequence() && values.as_sequence().kind == SequenceKind::kTuple;
  }

  Result<Text> run() {
    const std::string& bytes = format_.bytes();
    Text out;
    size_t pos = 0;
    while (pos < bytes.size()) {
      const size_t percent = bytes.find('%', pos);
      out.append(format_, pos, percent == std::string::npos ? bytes.size() : percent);
      if (percent == std::string::npos) break;
      pos = percent + 1;
      GLMV_ASSIGN(const Text piece, conversion(bytes, pos));
      GLMV_RETURN_IF_ERROR(budget_.spend_bytes(out.size() + piece.size()));
      out.append(piece);
    }
    const bool unused = is_tuple_ ? next_ < values_.as_sequence().items.size()
                                  : next_ == 0 && !values_.is_dict() && !values_.is_sequence();
    if (unused) {
      return invalid_argument("not all arguments converted during string formatting");
    }
    return out;
  }

 private:
  Result<Value> argument() {
    if (is_tuple_) {
      if (next_ < values_.as_sequence().items.size()) return values_.as_sequence().items[next_++];
    } else if (next_ == 0) {
      ++next_;
      return values_;
    }
    return invalid_argument("not enough arguments for format string");
  }

  static Result<int> number(const std::string& bytes, size_t& pos) {
    int value = 0;
    for (; pos < bytes.size() && bytes[pos] >= '0' && bytes[pos] <= '9'; ++pos) {
      value = value * 10 + (bytes[pos] - '0');
      if (value > kMaxWidth) return resource_exhausted("format width is over {}", kMaxWidth);
    }
    return value;
  }

  Result<Text> conversion(const std::string& bytes, size_t& pos) {
    Conversion spec;
    std::optional<Value> named;
    if (pos < bytes.size() && bytes[pos] == '(') {
      const size_t close = bytes.find(')', pos);
      if (close == std::string::npos) return invalid_argument("incomplete format key");
      if (!values_.is_dict()) return invalid_argument("format requires a mapping");
      const Value* found = values_.as_dict().find(bytes.substr(pos + 1, close - pos - 1));
      if (found == nullptr) return invalid_argument("format key is missing in the mapping");
      named = *found;
      pos = close + 1;
    }
    for (; pos < bytes.size(); ++pos) {
      const char c = bytes[pos];
      if (c == '-')
        spec.minus = true;
      else if (c == '+')
        spec.plus = true;
      else if (c == ' ')
        spec.space = true;
      else if (c == '0')
        spec.zero = true;
      else if (c == '#')
        spec.alternate = true;
      else
        break;
    }
    GLMV_ASSIGN(spec.width, number(bytes, pos));
    if (pos < bytes.size() && bytes[pos] == '.') {
      GLMV_ASSIGN(spec.precision, number(bytes, ++pos));
    }
    if (pos >= bytes.size()) return invalid_argument("incomplete format");
    spec.type = bytes[pos++];
    if (spec.type == '%') return Text("%");
    if (std::string_view("disrfFeEgGxXo").find(spec.type) == std::string_view::npos) {
      return invalid_argument("unsupported format character '{}'", spec.type);
    }
    Value value;
    if (named) {
      value = *named;
    } else {
      GLMV_ASSIGN(value, argument());
    }
    return pad(spec, value);
  }

  Result<Text> pad(const Conversion& spec, const Value& value) {
    Text body;
    if (spec.type == 's' || spec.type == 'r') {
      GLMV_ASSIGN(body, spec.type == 's' ? to_str(budget_, value) : to_repr(budget_, value));
      if (spec.precision >= 0) {
        body.truncate(code_point_offset(body.bytes(), spec.precision));
      }
    } else if (std::string_view("dixXo").find(spec.type) != std::string_view::npos) {
      GLMV_ASSIGN(std::string digits, format_integer(spec, value));
      body = Text(std::move(digits));
    } else {
      GLMV_ASSIGN(std::string digits, format_float(spec, value));
      body = Text(std::move(digits));
    }
    const int missing = spec.width - static_cast<int>(count_code_points(body.bytes()));
    if (missing <= 0) return body;
    Text out;
    if (!spec.minus) out.append(std::string(missing, ' '));
    out.append(body);
    if (spec.minus) out.append(std::string(missing, ' '));
    return out;
  }

  Budget& budget_;
  const Text& format_;
  const Value& values_;
  bool is_tuple_ = false;
  size_t next_ = 0;
};

// Without surrounding white space and single underscores between digits.
std::optional<std::string> number_text(std::string_view text) {
  const ByteRange range = strip_range(text, nullptr, true, true);
  const std::string_view body = text.substr(range.begin, range.end - range.begin);
  std::string out;
  for (size_t i = 0; i < body.size(); ++i) {
    const auto is_word_char = [](char c) { return std::isalnum(static_cast<unsigned char>(c)); };
    if (body[i] != '_') {
      out += body[i];
    } else if (i == 0 || i + 1 == body.size() || !is_word_char(body[i - 1]) ||
               !is_word_char(body[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace

Result<Text> percent_format(Budget& budget, const Text& format, const Value& values) {
  return Formatter(budget, format, values).run();
}

std::optional<Int> parse_python_int(std::string_view text, int base) {
  const auto clean = number_text(text);
  if (!clean) return std::nullopt;
  std::string_view digits = *clean;
  bool negative = false;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) {
    negative = digits[0] == '-';
    digits.remove_prefix(1);
  }
  if (digits.size() > 2 && digits[0] == '0') {
    const char mark = static_cast<char>(std::tolower(digits[1]));
    const int marked_base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : -1;
    if (marked_base == base || (base == 0 && marked_base > 0)) {
      base = marked_base;
      digits.remove_prefix(2);
    }
  }
  if (base == 0) base = 10;
  if (digits.empty() || base < 2 || base > 36) return std::nullopt;
  Int value = 0;
  for (const char c : digits) {
    int digit = 99;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'z') digit = c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') digit = c - 'A' + 10;
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(value, Int{base}, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, Int{digit}, &value)) return std::nullopt;
  }
  return negative ? -value : value;
}

std::optional<double> parse_python_float(std::string_view text) {
  const auto clean = number_text(text);
  if (!clean || clean->empty()) return std::nullopt;
  std::string_view digits = *clean;
  bool negative = false;
  if (digits[0] == '-' || digits[0] == '+') {
    negative = digits[0] == '-';
    digits.remove_prefix(1);
  }
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // Python gives inf or 0 there; the sign of the exponent tells which.
    const size_t e = digits.find_first_of("eE");
    const bool tiny = e != std::string_view::npos && e + 1 < digits.size() && digits[e + 1] == '-';
    value = tiny ? 0.0 : INFINITY;
  } else if (error != std::errc()) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

}  // namespace glmv::text::jinja
