#pragma once
// Hand-written scanner of the split pattern that the GLM tokenizers (and cl100k, Llama 3, Qwen)
// share:
//
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
//   |\s*[\r\n]+|\s+(?!\S)|\s+
//
// The alternatives are tried in this order at every position and cover every character.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace glmv::text {

class GlmSplit {
 public:
  // Recognises the pattern; the length of number pieces may differ (\p{N}, \p{N}+, \p{N}{1,k}).
  static std::optional<GlmSplit> from_pattern(std::string_view pattern);

  // The pattern with numbers in pieces of at most `max_digits` digits.
  static std::string pattern(int max_digits);

  explicit GlmSplit(int max_digits) : max_digits_(max_digits) {}

  int max_digits() const { return max_digits_; }

  // End of the piece that starts at `pos`; `text` is valid UTF-8, pos < text.size(). The end of
  // `text` is the end of input for the look-ahead.
  size_t next(std::string_view text, size_t pos) const;

 private:
  int max_digits_;
};

}  // namespace glmv::text
