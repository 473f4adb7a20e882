#include "glmv/text/python_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_unicode.h"

namespace glmv::text::jinja {

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string_view text(buffer, end.ptr - buffer);  // [-]d[.ddd]e[+-]dd
  const size_t e = text.find('e');
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const bool minus = text.front() == '-';
  int exponent = 0;
  std::string_view exponent_text = text.substr(e + 1);
  if (exponent_text.front() == '+') exponent_text.remove_prefix(1);
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);

  const int num_digits = static_cast<int>(digits.size());
  std::string out = minus ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (num_digits > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return out + "0." + std::string(-exponent - 1, '0') + digits;
  if (num_digits <= exponent + 1) {
    return out + digits + std::string(exponent + 1 - num_digits, '0') + ".0";
  }
  return out + digits.substr(0, exponent + 1) + "." + digits.substr(exponent + 1);
}

namespace {

// `text` between quotes with the escapes that repr and JSON share; `append(out, code point, bytes)`
// writes every other character.
template <class Append>
std::string quote_escaped(std::string_view text, char quote, const Append& append) {
  std::string out(1, quote);
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar decoded = decode_utf8(text, pos);
    const char32_t c = decoded.code_point;
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      append(out, c, text.substr(pos, decoded.num_bytes));
    }
    pos += decoded.num_bytes;
  }
  return out + quote;
}

}  // namespace

std::string string_repr(std::string_view text) {
  const bool single = text.find('\'') != std::string_view::npos;
  const bool both = single && text.find('"') != std::string_view::npos;
  const char quote = single && !both ? '"' : '\'';
  return quote_escaped(text, quote, [](std::string& out, char32_t c, std::string_view bytes) {
    if (is_printable(c)) {
      out.append(bytes);
    } else if (c < 0x100) {
      out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
    } else if (c < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    } else {
      out += fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
    }
  });
}

namespace {

constexpr int kMaxPrintDepth = 300;  // only cycles through namespaces are deeper

class Printer {
 public:
  explicit Printer(Budget& budget) : budget_(budget) {}
  Text take() { return std::move(out_); }

  Result<void> put(std::string_view bytes, bool marked = false) {
    GLMV_RETURN_IF_ERROR(budget_.spend(1 + bytes.size() / 32));
    if (out_.size() + bytes.size() > budget_.limits.max_string_bytes) {
      return budget_.spend_bytes(out_.size() + bytes.size());
    }
    out_.append(bytes, marked);
    return {};
  }

  Result<void> repr(const Value& value, int depth) {
    if (depth > kMaxPrintDepth) return resource_exhausted("the value to print is too deep");
    switch (value.kind()) {
      case Kind::kUndefined:
        return put("Undefined");
      case Kind::kNone:
        return put("None");
      case Kind::kBool:
        return put(value.as_bool() ? "True" : "False");
      case Kind::kInt:
        return put(fmt::format("{}", value.as_integer()));
      case Kind::kFloat:
        return put(float_repr(value.as_double()));
      case Kind::kString:
        return put(string_repr(value.as_bytes()), value.as_text().marked());
      case Kind::kDict:
        return repr_items(value.as_dict().items, depth);
      case Kind::kNamespace: {
        GLMV_RETURN_IF_ERROR(put("<Namespace {"));
        bool first = true;
        for (const auto& [name, item] : value.as_namespace()->attributes) {
          GLMV_RETURN_IF_ERROR(put((first ? "" : ", ") + string_repr(name) + ": "));
          GLMV_RETURN_IF_ERROR(repr(item, depth + 1));
          first = false;
        }
        return put("}>");
      }
      case Kind::kSequence:
        return repr_sequence(value.as_sequence(), depth);
      case Kind::kLoop:
      case Kind::kCallable:
        break;
    }
    return invalid_argument("cannot print a {}: its text would be a memory address",
                            type_name(value));
  }

 private:
  Result<void> repr_items(const std::vector<std::pair<Value, Value>>& items, int depth) {
    GLMV_RETURN_IF_ERROR(put("{"));
    bool first = true;
    for (const auto& [key, item] : items) {
      if (!first) GLMV_RETURN_IF_ERROR(put(", "));
      first = false;
      GLMV_RETURN_IF_ERROR(repr(key, depth + 1));
      GLMV_RETURN_IF_ERROR(put(": "));
      GLMV_RETURN_IF_ERROR(repr(item, depth + 1));
    }
    return put("}");
  }

  Result<void> repr_sequence(const Sequence& sequence, int depth) {
    std::string_view open = "[";
    std::string_view close = "]";
    switch (sequence.kind) {
      case SequenceKind::kList:
        break;
      case SequenceKind::kTuple:
        open = "(";
        close = sequence.items.size() == 1 ? ",)" : ")";
        break;
      case SequenceKind::kRange:
        return put(sequence.range_repr);
      case SequenceKind::kGenerator:
        return invalid_argument("cannot print a generator: add |list or |join");
      case SequenceKind::kDictKeys:
        open = "dict_keys([";
        close = "])";
        break;
      case SequenceKind::kDictValues:
        open = "dict_values([";
        close = "])";
        break;
      case SequenceKind::kDictItems:
        open = "dict_items([";
        close = "])";
        break;
    }
    GLMV_RETURN_IF_ERROR(put(open));
    bool first = true;
    for (const Value& item : sequence.items) {
      if (!first) GLMV_RETURN_IF_ERROR(put(", "));
      first = false;
      GLMV_RETURN_IF_ERROR(repr(item, depth + 1));
    }
    return put(close);
  }

  Budget& budget_;
  Text out_;
};

class JsonWriter {
 public:
  JsonWriter(Budget& budget, const JsonStyle& style)
      : budget_(budget), style_(style), out_(budget) {}
  Text take() { return out_.take(); }

  Result<void> write(const Value& value, int depth) {
    if (depth > kMaxPrintDepth) return resource_exhausted("the value to print is too deep");
    switch (value.kind()) {
      case Kind::kNone:
        return out_.put("null");
      case Kind::kBool:
        return out_.put(value.as_bool() ? "true" : "false");
      case Kind::kInt:
        return out_.put(fmt::format("{}", value.as_integer()));
      case Kind::kFloat:
        return out_.put(json_float(value.as_double()));
      case Kind::kString:
        return out_.put(quoted(value.as_bytes()), value.as_text().marked());
      case Kind::kSequence: {
        const Sequence& list = value.as_sequence();
        if (list.kind != SequenceKind::kList && list.kind != SequenceKind::kTuple) break;
        if (list.items.empty()) return out_.put("[]");
        GLMV_RETURN_IF_ERROR(out_.put("["));
        bool first = true;
        for (const Value& item : list.items) {
          GLMV_RETURN_IF_ERROR(separate(first, depth + 1));
          first = false;
          GLMV_RETURN_IF_ERROR(write(item, depth + 1));
        }
        GLMV_RETURN_IF_ERROR(new_line(depth));
        return out_.put("]");
      }
      case Kind::kDict:
        return write_dict(value.as_dict(), depth);
      default:
        break;
    }
    return invalid_argument("Object of type {} is not JSON serializable", type_name(value));
  }

 private:
  Result<void> write_dict(const Dict& dict, int depth) {
    if (dict.items.empty()) return out_.put("{}");
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& item : dict.items) items.push_back(&item);
    if (style_.sort_keys) {
      for (const auto* item : items) {
        if (!item->first.is_string()) {
          return invalid_argument("tojson(sort_keys=true) needs keys that are all strings");
        }
      }
      GLMV_RETURN_IF_ERROR(budget_.spend(items.size() * 8));
      std::ranges::stable_sort(items, [](const auto* a, const auto* b) {
        return a->first.as_bytes() < b->first.as_bytes();
      });
    }
    GLMV_RETURN_IF_ERROR(out_.put("{"));
    bool first = true;
    for (const auto* item : items) {
      GLMV_RETURN_IF_ERROR(separate(first, depth + 1));
      first = false;
      GLMV_RETURN_IF_ERROR(write_key(item->first));
      GLMV_RETURN_IF_ERROR(out_.put(style_.key_separator));
      GLMV_RETURN_IF_ERROR(write(item->second, depth + 1));
    }
    GLMV_RETURN_IF_ERROR(new_line(depth));
    return out_.put("}");
  }

  Result<void> write_key(const Value& key) {
    switch (key.kind()) {
      case Kind::kString:
        return out_.put(quoted(key.as_bytes()), key.as_text().marked());
      case Kind::kNone:
        return out_.put("\"null\"");
      case Kind::kBool:
        return out_.put(key.as_bool() ? "\"true\"" : "\"false\"");
      case Kind::kInt:
        return out_.put(fmt::format("\"{}\"", key.as_integer()));
      case Kind::kFloat:
        return out_.put('"' + json_float(key.as_double()) + '"');
      default:
        return invalid_argument("keys must be str, int, float, bool or None, not {}",
                                type_name(key));
    }
  }

  Result<void> separate(bool first, int depth) {
    if (!first) GLMV_RETURN_IF_ERROR(out_.put(style_.item_separator));
    return new_line(depth);
  }

  Result<void> new_line(int depth) {
    if (!style_.indent) return {};
    GLMV_RETURN_IF_ERROR(out_.put("\n"));
    for (int i = 0; i < depth; ++i) GLMV_RETURN_IF_ERROR(out_.put(*style_.indent));
    return {};
  }

  static std::string json_float(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_repr(value);
  }

  std::string quoted(std::string_view text) const {
    return quote_escaped(text, '"', [this](std::string& out, char32_t c, std::string_view bytes) {
      if (c == '\b') {
        out += "\\b";
      } else if (c == '\f') {
        out += "\\f";
      } else if (c < 0x20) {
        out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
      } else if (style_.ensure_ascii && c > 0x7E) {
        append_ascii_escape(out, c);
      } else {
        out.append(bytes);
      }
    });
  }

  static void append_ascii_escape(std::string& out, char32_t c) {
    if (c < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    } else {
      const uint32_t v = static_cast<uint32_t>(c) - 0x10000;
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (v >> 10), 0xDC00 + (v & 0x3FF));
    }
  }

  Budget& budget_;
  const JsonStyle& style_;
  Printer out_;
};

}  // namespace

Result<Text> to_repr(Budget& budget, const Value& value) {
  Printer printer(budget);
  GLMV_RETURN_IF_ERROR(printer.repr(value, 0));
  return printer.take();
}

Result<Text> to_str(Budget& budget, const Value& value) {
  if (value.is_undefined()) return Text();
  if (value.is_string()) {
    GLMV_RETURN_IF_ERROR(budget.spend_bytes(value.as_bytes().size()));
    return value.as_text();
  }
  return to_repr(budget, value);
}

Result<Text> to_json_text(Budget& budget, const Value& value, const JsonStyle& style) {
  JsonWriter writer(budget, style);
  GLMV_RETURN_IF_ERROR(writer.write(value, 0));
  return writer.take();
}

}  // namespace glmv::text::jinja
