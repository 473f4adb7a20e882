#include "glmv/text/jinja_lexer.h"

#include <charconv>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_unicode.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

// All line ends become \n, and one at the very end is dropped.
std::string normalize_lines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_digit_char(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_lines(source)) {}

  Result<std::vector<Token>> run() {
    while (pos_ < source_.size()) {
      const size_t open = find_open();
      if (open == std::string::npos) {
        add_text(source_.substr(pos_));
        break;
      }
      GLMV_RETURN_IF_ERROR(tag(open));
    }
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::unexpected<Status> fail(std::string_view what) const {
    return invalid_argument("line {}: {}", line_, what);
  }

  void add(TokenKind kind, std::string text) {
    tokens_.push_back({kind, line_, std::move(text), {}});
  }

  void add_text(std::string text) {
    if (!text.empty()) add(TokenKind::kText, std::move(text));
  }

  void advance_to(size_t pos) {
    for (; pos_ < pos; ++pos_) line_ += source_[pos_] == '\n';
  }

  size_t find_open() const {
    for (size_t i = source_.find('{', pos_); i != std::string::npos; i = source_.find('{', i + 1)) {
      if (i + 1 < source_.size() &&
          (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#')) {
        return i;
      }
    }
    return std::string::npos;
  }

  // The text before a tag, trimmed as the tag's sign and lstrip_blocks ask.
  std::string text_before(size_t open, char sign, bool variable) const {
    std::string text = source_.substr(pos_, open - pos_);
    if (sign == '-') {
      text.resize(strip_range(text, nullptr, false, true).end);
    } else if (sign != '+' && !variable) {
      const size_t newline = text.rfind('\n');
      const size_t line = newline == std::string::npos ? 0 : newline + 1;
      if (line > 0 || line_starting_) {
        const std::string_view rest = std::string_view(text).substr(line);
        if (strip_range(rest, nullptr, true, false).begin == rest.size()) text.resize(line);
      }
    }
    return text;
  }

  size_t skip_space(size_t pos) const {
    return pos + strip_range(std::string_view(source_).substr(pos), nullptr, true, false).begin;
  }

  bool at(size_t pos, std::string_view what) const {
    return std::string_view(source_).substr(pos).starts_with(what);
  }

  // Past a closing `end` ("%}") with its sign at `pos`; npos when there is none. `plus`: "+%}" is
  // one too. A block's end swallows one line end.
  size_t past_end(size_t pos, std::string_view end, bool plus, bool trim) const {
    if (at(pos, "-") && at(pos + 1, end)) return skip_space(pos + 1 + end.size());
    if (plus && at(pos, "+") && at(pos + 1, end)) return pos + 1 + end.size();
    if (!at(pos, end)) return std::string::npos;
    pos += end.size();
    return trim && at(pos, "\n") ? pos + 1 : pos;
  }

  void finish_tag(size_t pos) {
    line_starting_ = pos > 0 && source_[pos - 1] == '\n';
    advance_to(pos);
  }

  Result<void> tag(size_t open) {
    const char type = source_[open + 1];
    size_t pos = open + 2;
    const char sign = pos < source_.size() ? source_[pos] : '\0';
    const bool has_sign = sign == '-' || sign == '+';
    if (has_sign) ++pos;
    std::string text = text_before(open, sign, type == '{');
    if (type == '#') return comment(std::move(text), pos);
    if (type == '%') {
      size_t name = skip_space(pos);
      if (at(name, "raw")) {
        const size_t body = past_end(skip_space(name + 3), "%}", false, false);
        if (body != std::string::npos) return raw(std::move(text), body);
      }
    }
    add_text(std::move(text));
    advance_to(pos);
    add(type == '{' ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, "");
    return inside(type == '{' ? "}}" : "%}", type == '%');
  }

  Result<void> comment(std::string text, size_t pos) {
    add_text(std::move(text));
    for (size_t i = source_.find('#', pos); i != std::string::npos; i = source_.find('#', i + 1)) {
      // The sign belongs to the end, when there is one right before it.
      const bool sign = i > pos && (source_[i - 1] == '-' || source_[i - 1] == '+');
      const size_t end = past_end(sign ? i - 1 : i, "#}", true, true);
      if (end != std::string::npos) {
        finish_tag(end);
        return {};
      }
    }
    return fail("Missing end of comment tag");
  }

  Result<void> raw(std::string text, size_t body) {
    add_text(std::move(text));
    advance_to(body);
    line_starting_ = false;
    for (size_t open = source_.find("{%", body); open != std::string::npos;
         open = source_.find("{%", open + 1)) {
      size_t pos = open + 2;
      const char sign = pos < source_.size() ? source_[pos] : '\0';
      if (sign == '-' || sign == '+') ++pos;
      pos = skip_space(pos);
      if (!at(pos, "endraw")) continue;
      const size_t end = past_end(skip_space(pos + 6), "%}", true, true);
      if (end == std::string::npos) continue;
      line_starting_ = body > 0 && source_[body - 1] == '\n';
      add_text(text_before(open, sign, false));
      finish_tag(end);
      return {};
    }
    return fail("Missing end of raw directive");
  }

  Result<void> inside(std::string_view end, bool block) {
    std::string open_brackets;
    while (pos_ < source_.size()) {
      if (open_brackets.empty()) {
        const size_t past = past_end(pos_, end, block, block);
        if (past != std::string::npos) {
          add(block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, "");
          finish_tag(past);
          return {};
        }
      }
      GLMV_RETURN_IF_ERROR(token(open_brackets));
    }
    return fail(block ? "unexpected end of template, expected '%}'"
                      : "unexpected end of template, expected '}}'");
  }

  Result<void> token(std::string& open_brackets) {
    const DecodedChar c = decode_utf8(source_, pos_);
    if (is_space(c.code_point)) {
      advance_to(pos_ + c.num_bytes);
      return {};
    }
    if (is_digit_char(source_[pos_])) return number();
    if (is_word(c.code_point)) return name();
    if (source_[pos_] == '\'' || source_[pos_] == '"') return string();
    for (const std::string_view op : {"//", "**", "==", "!=", ">=", "<="}) {
      if (at(pos_, op)) {
        add(TokenKind::kOperator, std::string(op));
        advance_to(pos_ + 2);
        return {};
      }
    }
    const char op = source_[pos_];
    if (std::string_view("+-*/%~[](){}<>=.:|,;").find(op) == std::string_view::npos) {
      return fail(fmt::format("unexpected char '{}'", source_.substr(pos_, c.num_bytes)));
    }
    if (op == '(' || op == '[' || op == '{')
      open_brackets += op == '(' ? ')' : op == '[' ? ']' : '}';
    if (op == ')' || op == ']' || op == '}') {
      if (open_brackets.empty()) return fail(fmt::format("unexpected '{}'", op));
      if (open_brackets.back() != op) {
        return fail(fmt::format("unexpected '{}', expected '{}'", op, open_brackets.back()));
      }
      open_brackets.pop_back();
    }
    add(TokenKind::kOperator, std::string(1, op));
    advance_to(pos_ + 1);
    return {};
  }

  Result<void> name() {
    size_t end = pos_;
    while (end < source_.size()) {
      const DecodedChar c = decode_utf8(source_, end);
      if (!is_word(c.code_point)) break;
      if (c.code_point >= 0x80) return fail("names must be ASCII");
      end += c.num_bytes;
    }
    add(TokenKind::kName, source_.substr(pos_, end - pos_));
    advance_to(end);
    return {};
  }

  // Digits with single underscores between them; the end of the run.
  size_t digit_run(size_t pos) const {
    while (pos < source_.size() &&
           (is_digit_char(source_[pos]) ||
            (source_[pos] == '_' && pos + 1 < source_.size() && is_digit_char(source_[pos + 1])))) {
      ++pos;
    }
    return pos;
  }

  Result<void> number() {
    const size_t begin = pos_;
    const char next = begin + 1 < source_.size() ? source_[begin + 1] | 0x20 : '\0';
    if (source_[begin] == '0' && (next == 'x' || next == 'o' || next == 'b')) {
      size_t end = begin + 2;
      while (end < source_.size() &&
             (std::isxdigit(static_cast<unsigned char>(source_[end])) || source_[end] == '_')) {
        ++end;
      }
      return integer(end, next == 'x' ? 16 : next == 'o' ? 8 : 2);
    }
    size_t end = digit_run(begin);
    const bool after_dot = begin > 0 && source_[begin - 1] == '.';
    size_t real_end = end;
    if (at(end, ".") && end + 1 < source_.size() && is_digit_char(source_[end + 1])) {
      real_end = digit_run(end + 1);
    }
    if (at(real_end, "e") || at(real_end, "E")) {
      size_t exponent = real_end + 1;
      if (at(exponent, "+") || at(exponent, "-")) ++exponent;
      if (exponent < source_.size() && is_digit_char(source_[exponent])) {
        real_end = digit_run(exponent);
      }
    }
    if (real_end > end && !after_dot) {
      const auto value = parse_python_float(source_.substr(begin, real_end - begin));
      if (!value) return fail("malformed number");
      add(TokenKind::kFloat, source_.substr(begin, real_end - begin));
      tokens_.back().number = Value::number(*value);
      advance_to(real_end);
      return {};
    }
    if (source_[begin] == '0' &&
        source_.substr(begin, end - begin).find_first_not_of("0_") != std::string::npos) {
      return fail("a number other than 0 cannot start with 0");
    }
    return integer(end, 10);
  }

  Result<void> integer(size_t end, int base) {
    const std::string digits = source_.substr(pos_, end - pos_);
    const auto value = parse_python_int(digits, base);
    if (!value)
      return fail(fmt::format("malformed or too large number '{}'", digits.substr(0, 50)));
    add(TokenKind::kInteger, digits);
    tokens_.back().number = Value::integer(*value);
    advance_to(end);
    return {};
  }

  Result<void> string() {
    const char quote = source_[pos_];
    size_t end = pos_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return fail("unexpected char: the string is not closed");
    std::string value;
    GLMV_RETURN_IF_ERROR(
        unescape(std::string_view(source_).substr(pos_ + 1, end - pos_ - 1), value));
    add(TokenKind::kString, std::move(value));
    advance_to(end + 1);
    return {};
  }

  // Python's escapes; unknown ones keep their backslash.
  Result<void> unescape(std::string_view body, std::string& out) const {
    for (size_t i = 0; i < body.size(); ++i) {
      if (body[i] != '\\' || i + 1 >= body.size()) {
        out += body[i];
        continue;
      }
      const char c = body[++i];
      static constexpr std::string_view kFrom = "\\'\"abfnrtv";
      static constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
      if (const size_t known = kFrom.find(c); known != std::string_view::npos) {
        out += kTo[known];
      } else if (c == '\n') {
        continue;
      } else if (c >= '0' && c <= '7') {
        uint32_t value = 0;
        size_t end = i;
        while (end < body.size() && end < i + 3 && body[end] >= '0' && body[end] <= '7') {
          value = value * 8 + (body[end++] - '0');
        }
        append_utf8(out, value);
        i = end - 1;
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        const std::string_view digits = body.substr(i + 1, count);
        uint32_t value = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (digits.size() != count || end != digits.data() + count || error != std::errc() ||
            value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
          return fail(fmt::format("malformed \\{} escape in a string", c));
        }
        append_utf8(out, value);
        i += count;
      } else if (c == 'N') {
        return fail("\\N{...} escapes are not supported: use \\u");
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        // Jinja escapes other characters first, so the backslash meets a backslash.
        const DecodedChar decoded = decode_utf8(body, i);
        const uint32_t code = decoded.code_point;
        out += code < 0x100     ? fmt::format("\\x{:02x}", code)
               : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                                : fmt::format("\\U{:08x}", code);
        i += decoded.num_bytes - 1;
      } else {
        out += '\\';
        out += c;
      }
    }
    return {};
  }

  const std::string source_;
  size_t pos_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (const auto bad = find_invalid_utf8(source)) {
    return invalid_argument("the template is not valid UTF-8 at byte {}", *bad);
  }
  return Lexer(source).run();
}

}  // namespace glmv::text::jinja
