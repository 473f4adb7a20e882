#pragma once
// Tables behind jinja_unicode.h; written by tools/gen_jinja_unicode.py.

#include <cstddef>
#include <cstdint>

namespace glmv::text::jinja {

// Code points first, first + step, ... last map to themselves + delta.
struct CaseRun {
  char32_t first;
  char32_t last;
  uint32_t step;
  int32_t delta;
};
struct CaseSpecial {
  char32_t from;
  char32_t to[3];
};

// Flat pairs (first, last), ascending; the counts are of numbers, two per range.
extern const char32_t kNotPrintable[], kAlpha[], kDecimal[], kDigit[], kNumeric[], kLower[],
    kUpper[], kTitle[];
extern const size_t kNotPrintableCount, kAlphaCount, kDecimalCount, kDigitCount, kNumericCount,
    kLowerCount, kUpperCount, kTitleCount;
extern const CaseRun kToLower[], kToUpper[], kToTitle[];
extern const size_t kToLowerCount, kToUpperCount, kToTitleCount;
extern const CaseSpecial kToLowerSpecial[], kToUpperSpecial[], kToTitleSpecial[];
extern const size_t kToLowerSpecialCount, kToUpperSpecialCount, kToTitleSpecialCount;

}  // namespace glmv::text::jinja
