// The string operations that methods and filters share (jinja_methods.h).
#include "glmv/base/utf8.h"
#include "glmv/text/jinja_methods.h"
#include "glmv/text/jinja_unicode.h"
#include "glmv/text/python_format.h"

namespace glmv::text::jinja {

Result<Value> strip(Budget& budget, const Text& text, const Value* chars, bool left, bool right) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 32));
  if (chars != nullptr && chars->is_none()) chars = nullptr;
  if (chars != nullptr && !chars->is_string()) {
    return invalid_argument("strip arg must be None or str, not {}", type_name(*chars));
  }
  std::string_view set;
  if (chars != nullptr) {
    set = chars->as_bytes();
    GLMV_RETURN_IF_ERROR(budget.spend(set.size()));
  }
  const ByteRange range = strip_range(text.bytes(), chars ? &set : nullptr, left, right);
  return make_string(budget, text.slice(range.begin, range.end));
}

Result<Value> replace(Budget& budget, const Text& text, const Text& from, const Text& to,
                      int64_t count) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 16));
  const size_t limit = budget.limits.max_string_bytes;
  Text out;
  size_t pos = 0;
  while (count != 0) {
    size_t at = from.empty() ? pos : text.bytes().find(from.bytes(), pos);
    if (at == std::string::npos) break;
    if (out.size() + to.size() > limit) {
      return resource_exhausted("the template makes a text of more than {} bytes", limit);
    }
    GLMV_RETURN_IF_ERROR(budget.spend(1 + to.size() / 32));
    out.append(text, pos, at);
    out.append(to);
    pos = at + from.size();
    --count;
    if (from.empty()) {  // before every character and at the end
      if (pos >= text.size()) break;
      const size_t end = pos + decode_utf8(text.bytes(), pos).num_bytes;
      out.append(text, pos, end);
      pos = end;
    }
  }
  out.append(text, pos, text.size());
  return make_string(budget, std::move(out));
}

Result<Value> join(Budget& budget, const Text& separator, const std::vector<Value>& items,
                   bool strings_only) {
  Text out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (strings_only && !items[i].is_string()) {
      return invalid_argument("sequence item {}: expected str instance, {} found", i,
                              type_name(items[i]));
    }
    GLMV_ASSIGN(const Text text, to_str(budget, items[i]));
    if (out.size() + separator.size() + text.size() > budget.limits.max_string_bytes) {
      return resource_exhausted("the template makes a text of more than {} bytes",
                                budget.limits.max_string_bytes);
    }
    GLMV_RETURN_IF_ERROR(budget.spend(1 + separator.size() / 32));
    if (i > 0) out.append(separator);
    out.append(text);
  }
  return make_string(budget, std::move(out));
}

Result<Value> change_case(Budget& budget, const Text& text, Case to) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 8));
  Text out;
  bool inside_word = false;
  size_t mark = 0;
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar decoded = decode_utf8(text.bytes(), pos);
    const char32_t c = decoded.code_point;
    std::string mapped;
    switch (to) {
      case Case::kLower:
        append_lower(mapped, c);
        break;
      case Case::kUpper:
        append_upper(mapped, c);
        break;
      case Case::kSwap:
        if (is_upper(c)) {
          append_lower(mapped, c);
        } else if (is_lower(c)) {
          append_upper(mapped, c);
        } else {
          append_utf8(mapped, c);
        }
        break;
      case Case::kCapitalize:
        pos == 0 ? append_title(mapped, c) : append_lower(mapped, c);
        break;
      case Case::kTitle:
        inside_word ? append_lower(mapped, c) : append_title(mapped, c);
        inside_word = is_lower(c) || is_upper(c) || is_title(c);
        break;
    }
    while (mark < text.marks().size() && text.marks()[mark].end <= pos) ++mark;
    out.append(mapped, mark < text.marks().size() && text.marks()[mark].begin <= pos);
    pos += decoded.num_bytes;
  }
  return make_string(budget, std::move(out));
}

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  std::vector<Text> out;
  size_t begin = 0;
  for (size_t pos = 0; pos < text.size();) {
    const DecodedChar c = decode_utf8(text.bytes(), pos);
    size_t end = pos + c.num_bytes;
    if (is_line_break(c.code_point)) {
      if (c.code_point == '\r' && end < text.size() && text.bytes()[end] == '\n') ++end;
      out.push_back(text.slice(begin, keep_ends ? end : pos));
      begin = end;
    }
    pos = end;
  }
  if (begin < text.size()) out.push_back(text.slice(begin, text.size()));
  return out;
}

Result<Value> reversed_text(Budget& budget, const Text& text) {
  GLMV_RETURN_IF_ERROR(budget.spend(1 + text.size() / 4));
  Text out;
  for (size_t end = text.size(); end > 0;) {
    size_t begin = end - 1;
    while (begin > 0 && (static_cast<unsigned char>(text.bytes()[begin]) & 0xC0) == 0x80) --begin;
    out.append(text, begin, end);
    end = begin;
  }
  return make_string(budget, std::move(out));
}

}  // namespace glmv::text::jinja
