#include "glmv/text/jinja_unicode.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/text/jinja_unicode_tables.h"

namespace glmv::text::jinja {
namespace {

bool in_ranges(const char32_t* values, size_t count, char32_t c) {
  // The index of the first bound above c is odd exactly inside a [first, last] pair.
  const auto* it = std::upper_bound(values, values + count, c);
  const size_t index = it - values;
  return index % 2 == 1 || (index > 0 && values[index - 1] == c);
}

// False when the table has no row for c.
bool append_mapped(std::string& out, char32_t c, const CaseRun* runs, size_t num_runs,
                   const CaseSpecial* special, size_t num_special) {
  const CaseSpecial* exact =
      std::lower_bound(special, special + num_special, c,
                       [](const CaseSpecial& row, char32_t value) { return row.from < value; });
  if (exact != special + num_special && exact->from == c) {
    for (const char32_t to : exact->to) {
      if (to != 0) append_utf8(out, to);
    }
    return true;
  }
  // Runs with step 2 interleave with others: look back a few rows.
  const CaseRun* it =
      std::upper_bound(runs, runs + num_runs, c,
                       [](char32_t value, const CaseRun& row) { return value < row.first; });
  for (int back = 0; back < 4 && it != runs; ++back) {
    --it;
    if (c <= it->last && (c - it->first) % it->step == 0) {
      append_utf8(out, c + it->delta);
      return true;
    }
  }
  return false;
}

}  // namespace

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

bool is_printable(char32_t c) { return !in_ranges(kNotPrintable, kNotPrintableCount, c); }
bool is_alpha(char32_t c) { return in_ranges(kAlpha, kAlphaCount, c); }
bool is_decimal(char32_t c) { return in_ranges(kDecimal, kDecimalCount, c); }
bool is_digit(char32_t c) { return in_ranges(kDigit, kDigitCount, c); }
bool is_numeric(char32_t c) { return in_ranges(kNumeric, kNumericCount, c); }
bool is_lower(char32_t c) { return in_ranges(kLower, kLowerCount, c); }
bool is_upper(char32_t c) { return in_ranges(kUpper, kUpperCount, c); }
bool is_title(char32_t c) { return in_ranges(kTitle, kTitleCount, c); }
bool is_word(char32_t c) { return c == '_' || is_alpha(c) || is_numeric(c); }

void append_lower(std::string& out, char32_t c) {
  if (!append_mapped(out, c, kToLower, kToLowerCount, kToLowerSpecial, kToLowerSpecialCount)) {
    append_utf8(out, c);
  }
}
void append_upper(std::string& out, char32_t c) {
  if (!append_mapped(out, c, kToUpper, kToUpperCount, kToUpperSpecial, kToUpperSpecialCount)) {
    append_utf8(out, c);
  }
}
// The title table lists only what differs from upper case.
void append_title(std::string& out, char32_t c) {
  if (!append_mapped(out, c, kToTitle, kToTitleCount, kToTitleSpecial, kToTitleSpecialCount)) {
    append_upper(out, c);
  }
}

}  // namespace glmv::text::jinja
