#include "glmv/text/regex_split.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

#include "glmv/base/utf8.h"

namespace glmv::text {
namespace {

constexpr size_t kMaxPatternBytes = 4096;
constexpr uint32_t kHeapLimitKib = 64 << 10;
// Steps one match may take: nearly all need few. The upper rungs are paid from a budget for the
// whole text, so that a pattern that backtracks everywhere ends in an error instead of hanging.
constexpr std::array<uint32_t, 3> kMatchLimits = {5'000, 200'000, 20'000'000};
constexpr int64_t kStepBudget = 60'000'000;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using CodePointer = std::unique_ptr<pcre2_code, Deleter<pcre2_code_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Deleter<pcre2_compile_context_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack_free>>;

std::string error_text(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

}  // namespace

struct RegexSplit::Code {
  CodePointer compiled;
  std::string shown;  // for error messages
};

RegexSplit::RegexSplit(std::unique_ptr<const Code> code) : code_(std::move(code)) {}
RegexSplit::RegexSplit(RegexSplit&&) noexcept = default;
RegexSplit& RegexSplit::operator=(RegexSplit&&) noexcept = default;
RegexSplit::~RegexSplit() = default;

Result<RegexSplit> RegexSplit::compile_pcre2(const std::string& pattern, std::string_view shown,
                                             uint32_t options) {
  CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) return resource_exhausted("out of memory compiling a split pattern");
  int error = 0;
  size_t offset = 0;
  auto code = std::make_unique<Code>();
  code->compiled.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                     options, &error, &offset, context.get()));
  code->shown = repair_utf8(shown.substr(0, 120));
  if (!code->compiled) {
    return invalid_argument("split pattern \"{}\" does not compile: {}", code->shown,
                            error_text(error));
  }
  // Without JIT (systems that forbid writable code) matching falls back to the interpreter.
  pcre2_jit_compile(code->compiled.get(), PCRE2_JIT_COMPLETE);
  return RegexSplit(std::move(code));
}

Result<RegexSplit> RegexSplit::compile(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return unsupported("split pattern of {} bytes; at most {} are supported", pattern.size(),
                       kMaxPatternBytes);
  }
  GLMV_ASSIGN(const std::string translated, to_pcre2_pattern(pattern));
  return compile_pcre2(
      translated, pattern,
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | PCRE2_MULTILINE);
}

Result<RegexSplit> RegexSplit::compile_literal(std::string_view literal) {
  if (literal.size() > kMaxPatternBytes) {
    return unsupported("split string of {} bytes; at most {} are supported", literal.size(),
                       kMaxPatternBytes);
  }
  return compile_pcre2(std::string(literal), literal, PCRE2_UTF | PCRE2_LITERAL);
}

Result<std::vector<Segment>> RegexSplit::find(std::string_view text) const {
  MatchData data(pcre2_match_data_create_from_pattern(code_->compiled.get(), nullptr));
  MatchContext context(pcre2_match_context_create(nullptr));
  JitStack stack(pcre2_jit_stack_create(32 << 10, 1 << 20, nullptr));
  if (!data || !context || !stack) return resource_exhausted("out of memory splitting text");
  pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  pcre2_set_heap_limit(context.get(), kHeapLimitKib);

  std::vector<Segment> segments;
  int64_t budget = kStepBudget + 64 * static_cast<int64_t>(text.size());
  size_t covered = 0;
  size_t search_from = 0;
  bool matched_before = false;
  while (search_from <= text.size()) {
    int count = PCRE2_ERROR_MATCHLIMIT;
    for (size_t rung = 0; rung < kMatchLimits.size() && count == PCRE2_ERROR_MATCHLIMIT; ++rung) {
      if (rung > 0) budget -= kMatchLimits[rung];
      if (budget < 0) break;
      pcre2_set_match_limit(context.get(), kMatchLimits[rung]);
      count = pcre2_match(code_->compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                          text.size(), search_from, PCRE2_NO_UTF_CHECK, data.get(), context.get());
    }
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0) {
      return resource_exhausted(
          "split pattern \"{}\" takes too many steps near byte {} of the text ({}); shorten the "
          "text or use another tokenizer.json",
          code_->shown, search_from, error_text(count));
    }
    const size_t* bounds = pcre2_get_ovector_pointer(data.get());
    const size_t begin = bounds[0];
    const size_t end = bounds[1];
    if (begin > end || begin < covered) {
      return unsupported("split pattern \"{}\" moves the start of its match", code_->shown);
    }
    if (begin == end && matched_before && covered == end) {
      // An empty match right after a match is none: go on one character further.
      search_from = end < text.size() ? end + decode_utf8(text, end).num_bytes : end + 1;
      continue;
    }
    if (covered < begin) segments.push_back({covered, begin, false});
    segments.push_back({begin, end, true});
    covered = end;
    search_from = end;
    matched_before = true;
  }
  if (covered < text.size()) segments.push_back({covered, text.size(), false});
  return segments;
}

}  // namespace glmv::text
