#pragma once
// The character classes pre-tokenizer patterns use: \p{L}, \p{N}, \s. Unicode 16, as the regex
// engine of the `tokenizers` library has them; PCRE2's own tables are older.

#include <cstdint>

namespace glmv::text {

enum class CharClass : uint8_t { kOther = 0, kLetter = 1, kNumber = 2, kSpace = 3 };

namespace unicode_tables {
// Two bits a code point, in blocks of 128; everything from kEnd on is kOther.
extern const char32_t kEnd;
extern const uint8_t kBlockIndex[];
extern const uint64_t kBlocks[][4];
}  // namespace unicode_tables

inline CharClass char_class(char32_t c) {
  if (c >= unicode_tables::kEnd) return CharClass::kOther;
  const uint64_t word = unicode_tables::kBlocks[unicode_tables::kBlockIndex[c >> 7]][(c >> 5) & 3];
  return static_cast<CharClass>((word >> (2 * (c & 31))) & 3);
}

}  // namespace glmv::text
