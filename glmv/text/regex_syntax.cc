// Oniguruma pattern -> PCRE2 pattern (to_pcre2_pattern of regex_split.h).
#include <array>

#include "glmv/text/regex_split.h"
#include "glmv/text/unicode_classes.h"

namespace glmv::text {
namespace {

constexpr char32_t kLastCodePoint = 0x10FFFF;

// Body of a PCRE2 character class with all code points of `kind` (or all others).
std::string class_ranges(CharClass kind, bool negated) {
  std::string ranges;
  char32_t start = 0;
  bool inside = false;
  for (char32_t c = 0; c <= kLastCodePoint + 1; ++c) {
    const bool member = c <= kLastCodePoint && (char_class(c) == kind) != negated;
    if (member == inside) continue;
    if (member) {
      start = c;
    } else {
      ranges += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", static_cast<uint32_t>(start),
                            static_cast<uint32_t>(c - 1));
    }
    inside = member;
  }
  return ranges;
}

const std::string& cached_ranges(CharClass kind, bool negated) {
  static const auto kRanges = [] {
    std::array<std::string, 8> all;
    for (int i = 0; i < 8; ++i) all[i] = class_ranges(static_cast<CharClass>(i / 2), i % 2 == 1);
    return all;
  }();
  return kRanges[static_cast<size_t>(kind) * 2 + (negated ? 1 : 0)];
}

struct ClassEscape {
  CharClass kind;
  bool negated;
  size_t length;
};

// \s \S \p{L} \P{L} \p{^L} \p{N} ... at the start of `rest`; length 0: something else.
ClassEscape read_class_escape(std::string_view rest) {
  if (rest.starts_with("\\s")) return {CharClass::kSpace, false, 2};
  if (rest.starts_with("\\S")) return {CharClass::kSpace, true, 2};
  if (!rest.starts_with("\\p{") && !rest.starts_with("\\P{")) return {CharClass::kOther, false, 0};
  bool negated = rest[1] == 'P';
  const size_t close = rest.find('}');
  if (close == std::string_view::npos) return {CharClass::kOther, false, 0};
  std::string_view name = rest.substr(3, close - 3);
  if (name.starts_with('^')) {
    negated = !negated;
    name.remove_prefix(1);
  }
  if (name == "L" || name == "Letter") return {CharClass::kLetter, negated, close + 1};
  if (name == "N" || name == "Number") return {CharClass::kNumber, negated, close + 1};
  return {CharClass::kOther, false, 0};
}

// Reads a pattern from left to right, inside and outside of character classes.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  Result<std::string> run() {
    if (pattern_.starts_with("(*")) return unsupported_syntax("(*");
    while (pos_ < pattern_.size()) {
      if (pattern_[pos_] == '\\') {
        GLMV_RETURN_IF_ERROR(escape());
      } else if (in_class_) {
        GLMV_RETURN_IF_ERROR(class_char());
      } else {
        if (pattern_[pos_] == '[') open_class();
        copy(1);
      }
    }
    return std::move(out_);
  }

 private:
  std::unexpected<Status> unsupported_syntax(std::string_view what) const {
    return unsupported("split pattern uses \"{}\" at byte {}, which is not supported", what, pos_);
  }

  void copy(size_t count) {
    count = std::min(count, pattern_.size() - pos_);
    out_.append(pattern_.substr(pos_, count));
    pos_ += count;
  }

  Result<void> escape() {
    const ClassEscape found = read_class_escape(pattern_.substr(pos_));
    if (found.length > 0) {
      const std::string& ranges = cached_ranges(found.kind, found.negated);
      out_ += in_class_ ? ranges : fmt::format("[{}]", ranges);
      pos_ += found.length;
      return {};
    }
    // \h is a hexadecimal digit there and a blank here; \K would move the start of the match.
    const char next = pos_ + 1 < pattern_.size() ? pattern_[pos_ + 1] : '\0';
    if (std::string_view("hHKQECgkN").find(next) != std::string_view::npos) {
      return unsupported_syntax(pattern_.substr(pos_, 2));
    }
    copy(2);
    return {};
  }

  void open_class() {
    in_class_ = true;
    // A "]" that comes first is a member, as is a "^" that does not.
    size_t first = pos_ + 1;
    if (first < pattern_.size() && pattern_[first] == '^') ++first;
    class_body_ = first;
  }

  Result<void> class_char() {
    const char c = pattern_[pos_];
    if (c == ']' && pos_ > class_body_) {
      in_class_ = false;
    } else if (c == '[') {
      const std::string_view rest = pattern_.substr(pos_);
      if (!rest.starts_with("[:")) return unsupported_syntax("[ inside [...]");
      const size_t close = rest.find(":]");
      if (close == std::string_view::npos) return unsupported_syntax("[: without :]");
      copy(close + 2);
      return {};
    } else if (c == '&' && pattern_.substr(pos_).starts_with("&&")) {
      return unsupported_syntax("&& inside [...]");
    }
    copy(1);
    return {};
  }

  std::string_view pattern_;
  size_t pos_ = 0;
  bool in_class_ = false;
  size_t class_body_ = 0;  // where the members of the open class start
  std::string out_;
};

}  // namespace

Result<std::string> to_pcre2_pattern(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace glmv::text
