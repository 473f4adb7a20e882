#include "glmv/text/jinja_string_methods.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_methods.h"
#include "glmv/text/jinja_unicode.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {
namespace {

using Method = Result<Value> (*)(Budget& budget, const Value& self, const Bound& args);

struct MethodRow {
  std::string_view name;
  std::string_view parameters;
  int required;
  Method run;
};

Result<const Text*> text_argument(const Value& value) {
  if (!value.is_string()) return invalid_argument("expected str, got {}", type_name(value));
  return &value.as_text();
}

template <bool kLeft, bool kRight>
Result<Value> strip_method(Budget& budget, const Value& self, const Bound& args) {
  return strip(budget, self.as_text(), args[0] ? &*args[0] : nullptr, kLeft, kRight);
}

template <Case kTo>
Result<Value> case_method(Budget& budget, const Value& self, const Bound&) {
  return change_case(budget, self.as_text(), kTo);
}

template <bool kAtEnd>
Result<Value> affix_method(Budget& budget, const Value& self, const Bound& args) {
  std::vector<Value> options{*args[0]};
  if (args[0]->is_sequence() && args[0]->as_sequence().kind == SequenceKind::kTuple) {
    options = args[0]->as_sequence().items;
  }
  Value subject = self;
  if (args[1] || args[2]) {
    GLMV_ASSIGN(subject, get_slice(budget, self, args[1].value_or(Value::none()),
                                   args[2].value_or(Value::none()), Value::none()));
  }
  for (const Value& option : options) {
    GLMV_ASSIGN(const Text* affix, text_argument(option));
    GLMV_RETURN_IF_ERROR(budget.spend(1 + affix->size() / 256));
    if (kAtEnd ? subject.as_bytes().ends_with(affix->bytes())
               : subject.as_bytes().starts_with(affix->bytes())) {
      return Value::boolean(true);
    }
  }
  return Value::boolean(false);
}

template <bool kAtEnd>
Result<Value> remove_affix(Budget& budget, const Value& self, const Bound& args) {
  GLMV_ASSIGN(const Text* affix, text_argument(*args[0]));
  const Text& text = self.as_text();
  if (kAtEnd ? !text.bytes().ends_with(affix->bytes())
             : !text.bytes().starts_with(affix->bytes())) {
    return self;
  }
  return make_string(budget, kAtEnd ? text.slice(0, text.size() - affix->size())
                                    : text.slice(affix->size(), text.size()));
}

// sep.split(): pieces between separators, from the left or the right, at most `limit` cuts.
Result<Value> split_at(Budget& budget, const Text& text, const Text& separator, int64_t limit,
                       bool from_right) {
  if (separator.empty()) return invalid_argument("empty separator");
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 16));
  const std::string& bytes = text.bytes();
  std::vector<size_t> cuts;
  if (from_right) {
    size_t end = bytes.size();
    while (limit != 0 && end >= separator.size()) {
      const size_t at = bytes.rfind(separator.bytes(), end - separator.size());
      if (at == std::string::npos) break;
      cuts.push_back(at);
      end = at;
      --limit;
    }
    std::ranges::reverse(cuts);
  } else {
    for (size_t at = 0; limit != 0; at += separator.size(), --limit) {
      at = bytes.find(separator.bytes(), at);
      if (at == std::string::npos) break;
      cuts.push_back(at);
    }
  }
  GLMV_RETURN_IF_ERROR(budget.spend(3 * cuts.size()));
  std::vector<Value> out;
  size_t begin = 0;
  for (const size_t cut : cuts) {
    out.push_back(Value::string(text.slice(begin, cut)));
    begin = cut + separator.size();
  }
  out.push_back(Value::string(text.slice(begin, text.size())));
  return make_list(budget, std::move(out));
}

// split() without separator: runs of white space, none at the ends.
Result<Value> split_words(Budget& budget, const Text& text, int64_t limit, bool from_right) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 8));
  std::vector<ByteRange> words;
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar c = decode_utf8(text.bytes(), pos);
    const size_t end = pos + c.num_bytes;
    if (!is_space(c.code_point)) {
      if (!words.empty() && words.back().end == pos) {
        words.back().end = end;
      } else {
        words.push_back({pos, end});
      }
    }
    pos = end;
  }
  const size_t allowed = limit < 0 ? words.size() : static_cast<size_t>(limit);
  if (words.size() > allowed + 1) {  // the rest stays one piece
    if (from_right) {
      // Python keeps the space at the far end of the piece that it did not split.
      const size_t merged = words.size() - allowed;
      const ByteRange head{0, words[merged - 1].end};
      words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(merged));
      words.insert(words.begin(), head);
    } else {
      const ByteRange tail{words[allowed].begin, text.size()};
      words.resize(allowed);
      words.push_back(tail);
    }
  } else if (words.size() == allowed + 1 && limit >= 0) {
    if (from_right) {
      words.front().begin = 0;
    } else {
      words.back().end = text.size();
    }
  }
  GLMV_RETURN_IF_ERROR(budget.spend(3 * words.size()));
  std::vector<Value> out;
  for (const ByteRange& word : words)
    out.push_back(Value::string(text.slice(word.begin, word.end)));
  return make_list(budget, std::move(out));
}

template <bool kFromRight>
Result<Value> split_method(Budget& budget, const Value& self, const Bound& args) {
  int64_t limit = -1;
  if (args[1]) {
    GLMV_ASSIGN(limit, to_int64(*args[1], "maxsplit"));
  }
  if (!args[0] || args[0]->is_none()) {
    return split_words(budget, self.as_text(), limit, kFromRight);
  }
  GLMV_ASSIGN(const Text* separator, text_argument(*args[0]));
  return split_at(budget, self.as_text(), *separator, limit, kFromRight);
}

template <bool kFromRight>
Result<Value> partition(Budget& budget, const Value& self, const Bound& args) {
  GLMV_ASSIGN(const Text* separator, text_argument(*args[0]));
  if (separator->empty()) return invalid_argument("empty separator");
  const Text& text = self.as_text();
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 16));
  const size_t at =
      kFromRight ? text.bytes().rfind(separator->bytes()) : text.bytes().find(separator->bytes());
  std::vector<Value> out(3, Value::string(""));
  if (at == std::string::npos) {
    out[kFromRight ? 2 : 0] = self;
  } else {
    out[0] = Value::string(text.slice(0, at));
    out[1] = Value::string(text.slice(at, at + separator->size()));
    out[2] = Value::string(text.slice(at + separator->size(), text.size()));
  }
  return make_sequence(budget, SequenceKind::kTuple, std::move(out));
}

template <bool kFromRight, bool kMustExist>
Result<Value> find_method(Budget& budget, const Value& self, const Bound& args) {
  GLMV_ASSIGN(const Text* needle, text_argument(*args[0]));
  const std::string& bytes = self.as_bytes();
  GLMV_RETURN_IF_ERROR(budget.spend(1 + bytes.size() / 16));
  GLMV_ASSIGN(const Int size, length(budget, self));
  const auto bound_at = [&](size_t i, int64_t absent) -> Result<int64_t> {
    if (!args[i] || args[i]->is_none()) return absent;
    GLMV_ASSIGN(int64_t at, to_int64(*args[i], "index"));
    return std::max<int64_t>(at < 0 ? at + static_cast<int64_t>(size) : at, 0);
  };
  GLMV_ASSIGN(const int64_t start, bound_at(1, 0));
  GLMV_ASSIGN(const int64_t stop, bound_at(2, static_cast<int64_t>(size)));
  size_t at = std::string::npos;
  if (start <= static_cast<int64_t>(size) && start <= stop) {
    const size_t begin = code_point_offset(bytes, start);
    const size_t end = code_point_offset(bytes, stop);
    const std::string_view window = std::string_view(bytes).substr(begin, end - begin);
    at = kFromRight ? window.rfind(needle->bytes()) : window.find(needle->bytes());
    if (at != std::string::npos) at += begin;
  }
  if (at != std::string::npos) {
    return Value::integer(static_cast<Int>(count_code_points(bytes.substr(0, at))));
  }
  if (kMustExist) return invalid_argument("substring not found");
  return Value::integer(-1);
}

template <bool (*kTest)(char32_t)>
Result<Value> all_characters(Budget& budget, const Value& self, const Bound&) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + self.as_bytes().size() / 8));
  const std::string& bytes = self.as_bytes();
  for (size_t pos = 0; pos < bytes.size();) {
    const DecodedChar c = decode_utf8(bytes, pos);
    if (!kTest(c.code_point)) return Value::boolean(false);
    pos += c.num_bytes;
  }
  return Value::boolean(!bytes.empty());
}

bool is_alnum(char32_t c) { return is_alpha(c) || is_numeric(c); }
bool is_ascii(char32_t c) { return c < 0x80; }

template <bool kLower>
Result<Value> cased_method(Budget& budget, const Value& self, const Bound&) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + self.as_bytes().size() / 8));
  const std::string& bytes = self.as_bytes();
  bool any = false;
  for (size_t pos = 0; pos < bytes.size();) {
    const DecodedChar c = decode_utf8(bytes, pos);
    if (is_title(c.code_point) || (kLower ? is_upper(c.code_point) : is_lower(c.code_point))) {
      return Value::boolean(false);
    }
    any |= kLower ? is_lower(c.code_point) : is_upper(c.code_point);
    pos += c.num_bytes;
  }
  return Value::boolean(any);
}

// ljust, rjust, center: `left` in halves of the missing width.
enum class Side { kLeft, kRight, kBoth };
template <Side kSide>
Result<Value> justify(Budget& budget, const Value& self, const Bound& args) {
  GLMV_ASSIGN(const int64_t width, to_int64(*args[0], "width"));
  std::string fill = " ";
  if (args[1]) {
    GLMV_ASSIGN(const Text* text, text_argument(*args[1]));
    if (count_code_points(text->bytes()) != 1) {
      return invalid_argument("The fill character must be exactly one character long");
    }
    fill = text->bytes();
  }
  GLMV_ASSIGN(const Int size, length(budget, self));
  const int64_t missing = width - static_cast<int64_t>(size);
  if (missing <= 0) return self;
  if (static_cast<size_t>(missing) > budget.limits.max_string_bytes / 4) {
    return resource_exhausted("the template pads a text to {} characters", width);
  }
  GLMV_RETURN_IF_ERROR(budget.spend(missing));
  // Python's center puts the odd one on the left when the width is odd.
  const int64_t left = kSide == Side::kLeft    ? 0
                       : kSide == Side::kRight ? missing
                                               : missing / 2 + (missing & width & 1);
  Text out;
  for (int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(self.as_text());
  for (int64_t i = left; i < missing; ++i) out.append(fill);
  return make_string(budget, std::move(out));
}

Result<Value> zfill(Budget& budget, const Value& self, const Bound& args) {
  GLMV_ASSIGN(const int64_t width, to_int64(*args[0], "width"));
  GLMV_ASSIGN(const Int size, length(budget, self));
  const int64_t missing = width - static_cast<int64_t>(size);
  if (missing <= 0) return self;
  GLMV_RETURN_IF_ERROR(budget.spend_bytes(missing));
  const Text& text = self.as_text();
  const bool sign = !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+');
  Text out = text.slice(0, sign);
  out.append(std::string(missing, '0'));
  out.append(text, sign, text.size());
  return make_string(budget, std::move(out));
}

Result<Value> replace_method(Budget& budget, const Value& self, const Bound& args) {
  GLMV_ASSIGN(const Text* from, text_argument(*args[0]));
  GLMV_ASSIGN(const Text* to, text_argument(*args[1]));
  int64_t count = -1;
  if (args[2]) {
    GLMV_ASSIGN(count, to_int64(*args[2], "count"));
  }
  return replace(budget, self.as_text(), *from, *to, count);
}

Result<Value> join_method(Budget& budget, const Value& self, const Bound& args) {
  GLMV_ASSIGN(const std::vector<Value> items, iterate(budget, *args[0]));
  return join(budget, self.as_text(), items, true);
}

Result<Value> count_method(Budget& budget, const Value& self, const Bound& args) {
  GLMV_ASSIGN(const Text* needle, text_argument(*args[0]));
  GLMV_RETURN_IF_ERROR(budget.spend(1 + self.as_bytes().size() / 16));
  if (needle->empty()) {
    return Value::integer(static_cast<Int>(count_code_points(self.as_bytes())) + 1);
  }
  Int count = 0;
  for (size_t at = self.as_bytes().find(needle->bytes()); at != std::string::npos;
       at = self.as_bytes().find(needle->bytes(), at + needle->size())) {
    ++count;
  }
  return Value::integer(count);
}

Result<Value> lines_method(Budget& budget, const Value& self, const Bound& args) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + 3 * self.as_bytes().size()));
  std::vector<Value> out;
  for (Text& line : split_lines(self.as_text(), args[0] && truth(*args[0]))) {
    out.push_back(Value::string(std::move(line)));
  }
  return make_list(budget, std::move(out));
}

const MethodRow kRows[] = {
    {"strip", "chars", 0, strip_method<true, true>},
    {"lstrip", "chars", 0, strip_method<true, false>},
    {"rstrip", "chars", 0, strip_method<false, true>},
    {"startswith", "prefix,start,end", 1, affix_method<false>},
    {"endswith", "suffix,start,end", 1, affix_method<true>},
    {"removeprefix", "prefix", 1, remove_affix<false>},
    {"removesuffix", "suffix", 1, remove_affix<true>},
    {"split", "sep,maxsplit", 0, split_method<false>},
    {"rsplit", "sep,maxsplit", 0, split_method<true>},
    {"splitlines", "keepends", 0, lines_method},
    {"partition", "sep", 1, partition<false>},
    {"rpartition", "sep", 1, partition<true>},
    {"replace", "old,new,count", 2, replace_method},
    {"join", "iterable", 1, join_method},
    {"find", "sub,start,end", 1, find_method<false, false>},
    {"rfind", "sub,start,end", 1, find_method<true, false>},
    {"index", "sub,start,end", 1, find_method<false, true>},
    {"rindex", "sub,start,end", 1, find_method<true, true>},
    {"count", "sub", 1, count_method},
    {"lower", "", 0, case_method<Case::kLower>},
    {"upper", "", 0, case_method<Case::kUpper>},
    {"title", "", 0, case_method<Case::kTitle>},
    {"capitalize", "", 0, case_method<Case::kCapitalize>},
    {"swapcase", "", 0, case_method<Case::kSwap>},
    {"isalpha", "", 0, all_characters<is_alpha>},
    {"isalnum", "", 0, all_characters<is_alnum>},
    {"isdecimal", "", 0, all_characters<is_decimal>},
    {"isdigit", "", 0, all_characters<is_digit>},
    {"isnumeric", "", 0, all_characters<is_numeric>},
    {"isspace", "", 0, all_characters<is_space>},
    {"isascii", "", 0,
     [](Budget& b, const Value& self, const Bound& args) -> Result<Value> {
       if (self.as_bytes().empty()) return Value::boolean(true);
       return all_characters<is_ascii>(b, self, args);
     }},
    {"islower", "", 0, cased_method<true>},
    {"isupper", "", 0, cased_method<false>},
    {"ljust", "width,fillchar", 1, justify<Side::kLeft>},
    {"rjust", "width,fillchar", 1, justify<Side::kRight>},
    {"center", "width,fillchar", 1, justify<Side::kBoth>},
    {"zfill", "width", 1, zfill},
};

const MethodRow* find_row(std::string_view name) {
  for (const MethodRow& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace

bool has_string_method(std::string_view name) { return find_row(name) != nullptr; }

Result<Value> call_string_method(Budget& budget, const Value& self, const std::string& name,
                                 const CallArgs& args) {
  const MethodRow* row = find_row(name);
  if (row == nullptr) return invalid_argument("'str object' has no method '{}'", name);
  GLMV_ASSIGN(const Bound bound, bind_arguments(name, row->parameters, row->required, args));
  return row->run(budget, self, bound);
}

}  // namespace glmv::text::jinja
