#pragma once
// Splits text by a regular expression of a tokenizer.json. Patterns are written for Oniguruma;
// they run on PCRE2 with \p{L}, \p{N} and \s written out from unicode_classes.h. Syntax that means
// something else in PCRE2 is refused. Immutable, thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::text {

// A stretch of the text that a pattern matched, or the gap between two matches.
struct Segment {
  size_t begin = 0;
  size_t end = 0;
  bool is_match = false;
};

class RegexSplit {
 public:
  // Patterns over 4,096 bytes are refused.
  static Result<RegexSplit> compile(std::string_view pattern);
  // A pattern that matches `literal` itself.
  static Result<RegexSplit> compile_literal(std::string_view literal);

  RegexSplit(RegexSplit&&) noexcept;
  RegexSplit& operator=(RegexSplit&&) noexcept;
  ~RegexSplit();

  // Matches and gaps of `text` (valid UTF-8), in order, without holes; empty segments possible.
  // resource_exhausted when the pattern backtracks without end on this text.
  Result<std::vector<Segment>> find(std::string_view text) const;

 private:
  struct Code;
  explicit RegexSplit(std::unique_ptr<const Code> code);
  static Result<RegexSplit> compile_pcre2(const std::string& pattern, std::string_view shown,
                                          uint32_t options);
  std::unique_ptr<const Code> code_;
};

// The pattern in PCRE2's syntax, classes written out (exposed for tests).
Result<std::string> to_pcre2_pattern(std::string_view pattern);

}  // namespace glmv::text
