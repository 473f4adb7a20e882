#include "glmv/text/glm_split.h"

#include <fmt/format.h>

#include <charconv>
#include <climits>

#include "glmv/base/utf8.h"
#include "glmv/text/unicode_classes.h"

namespace glmv::text {
namespace {

constexpr std::string_view kBeforeNumbers =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
constexpr std::string_view kAfterNumbers = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Char {
  char32_t code_point;
  CharClass kind;
  size_t end;
};

Char read(std::string_view text, size_t pos) {
  const auto byte = static_cast<unsigned char>(text[pos]);
  if (byte < 0x80) return {byte, char_class(byte), pos + 1};
  const DecodedChar c = decode_utf8(text, pos);
  return {c.code_point, char_class(c.code_point), pos + static_cast<size_t>(c.num_bytes)};
}

size_t run_end(std::string_view text, size_t pos, CharClass kind) {
  while (pos < text.size()) {
    const Char c = read(text, pos);
    if (c.kind != kind) break;
    pos = c.end;
  }
  return pos;
}

bool is_newline(char32_t c) { return c == '\r' || c == '\n'; }

// Length in bytes of 's 't 're 've 'm 'll 'd at `pos` (an apostrophe), in any case; 0 if none.
size_t contraction_length(std::string_view text, size_t pos) {
  const std::string_view rest = text.substr(pos + 1);
  if (rest.empty()) return 0;
  const auto lower = [&](size_t i) {
    const char c = i < rest.size() ? rest[i] : '\0';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  switch (lower(0)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return lower(1) == 'e' ? 3 : 0;
    case 'l':
      return lower(1) == 'l' ? 3 : 0;
    default:
      // The long s (U+017F) is an "s" when case is ignored.
      return rest.starts_with("\xC5\xBF") ? 3 : 0;
  }
}

size_t space_piece(std::string_view text, size_t pos) {
  size_t end = pos;
  size_t after_newline = 0;
  size_t last_start = pos;
  while (end < text.size()) {
    const Char c = read(text, end);
    if (c.kind != CharClass::kSpace) break;
    last_start = end;
    end = c.end;
    if (is_newline(c.code_point)) after_newline = end;
  }
  if (after_newline > 0) return after_newline;
  // The last white space before a word belongs to the word's piece, unless it is alone.
  if (end < text.size() && last_start > pos) return last_start;
  return end;
}

}  // namespace

std::optional<GlmSplit> GlmSplit::from_pattern(std::string_view pattern) {
  if (!pattern.starts_with(kBeforeNumbers)) return std::nullopt;
  pattern.remove_prefix(kBeforeNumbers.size());
  if (!pattern.ends_with(kAfterNumbers)) return std::nullopt;
  pattern.remove_suffix(kAfterNumbers.size());
  if (pattern.empty()) return GlmSplit(1);
  if (pattern == "+") return GlmSplit(INT_MAX);
  if (!pattern.starts_with("{1,") || !pattern.ends_with("}")) return std::nullopt;
  pattern.remove_prefix(3);
  pattern.remove_suffix(1);
  int max_digits = 0;
  const auto [end, error] =
      std::from_chars(pattern.data(), pattern.data() + pattern.size(), max_digits);
  if (error != std::errc() || end != pattern.data() + pattern.size() || max_digits < 1) {
    return std::nullopt;
  }
  return GlmSplit(max_digits);
}

std::string GlmSplit::pattern(int max_digits) {
  std::string count;
  if (max_digits > 1) count = fmt::format("{{1,{}}}", max_digits);
  return fmt::format("{}{}{}", kBeforeNumbers, count, kAfterNumbers);
}

size_t GlmSplit::next(std::string_view text, size_t pos) const {
  const Char first = read(text, pos);
  if (first.code_point == '\'') {
    if (const size_t length = contraction_length(text, pos); length > 0) return pos + length;
  }
  if (first.kind == CharClass::kLetter) return run_end(text, first.end, CharClass::kLetter);
  if (first.kind == CharClass::kNumber) {
    size_t end = first.end;
    for (int count = 1; count < max_digits_ && end < text.size(); ++count) {
      const Char c = read(text, end);
      if (c.kind != CharClass::kNumber) break;
      end = c.end;
    }
    return end;
  }
  if (first.end < text.size()) {
    const Char second = read(text, first.end);
    if (second.kind == CharClass::kLetter && !is_newline(first.code_point)) {
      return run_end(text, second.end, CharClass::kLetter);
    }
    if (first.kind == CharClass::kSpace &&
        !(first.code_point == ' ' && second.kind == CharClass::kOther)) {
      return space_piece(text, pos);
    }
  } else if (first.kind == CharClass::kSpace) {
    return first.end;
  }
  size_t end = run_end(text, first.end, CharClass::kOther);
  while (end < text.size() && is_newline(static_cast<unsigned char>(text[end]))) ++end;
  return end;
}

}  // namespace glmv::text
