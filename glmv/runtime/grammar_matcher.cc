#include <algorithm>
#include <bit>

#include "glmv/base/check.h"
#include "glmv/runtime/compiled_grammar.h"

namespace glmv::runtime {

CompiledGrammar::CompiledGrammar(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
CompiledGrammar::~CompiledGrammar() = default;

int64_t CompiledGrammar::memory_bytes() const {
  return static_cast<int64_t>(impl_->compiled.MemorySizeBytes());
}
std::span<const int32_t> CompiledGrammar::line_break_ids() const {
  return impl_->tokens->line_break_ids;
}
std::span<const int32_t> CompiledGrammar::stop_ids() const { return impl_->tokens->stop_ids; }

struct GrammarMatcher::Impl {
  std::shared_ptr<const CompiledGrammar> grammar;  // outlives the matcher
  xgrammar::GrammarMatcher matcher;
  std::vector<int32_t> words;  // one bit per token
  bool filled = false;
  int utf8_state = Utf8Masks::kWhole;
};

GrammarMatcher::GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar) {
  const CompiledGrammar::Impl& impl = *grammar->impl_;
  impl_ = std::make_unique<Impl>(Impl{
      .grammar = grammar,
      .matcher = xgrammar::GrammarMatcher(impl.compiled),
      .words = std::vector<int32_t>(
          xgrammar::GetBitmaskSize(static_cast<int>(impl.tokens->texts.size()))),
  });
}
GrammarMatcher::~GrammarMatcher() = default;
GrammarMatcher::GrammarMatcher(GrammarMatcher&&) noexcept = default;
GrammarMatcher& GrammarMatcher::operator=(GrammarMatcher&&) noexcept = default;

bool GrammarMatcher::accept(int32_t token_id) {
  const GrammarTokens& tokens = *impl_->grammar->impl_->tokens;
  if (!allows(token_id) || !impl_->matcher.AcceptToken(token_id)) return false;
  impl_->filled = false;
  if (!tokens.is_added(token_id)) {
    impl_->utf8_state = Utf8Masks::next(impl_->utf8_state, tokens.texts[token_id]);
  }
  return true;
}

bool GrammarMatcher::is_complete() const {
  return impl_->matcher.IsCompleted() && impl_->utf8_state == Utf8Masks::kWhole;
}

std::span<const uint32_t> GrammarMatcher::allowed() {
  std::vector<int32_t>& words = impl_->words;
  if (!impl_->filled) {
    if (impl_->matcher.IsTerminated()) {
      std::ranges::fill(words, 0);
    } else {
      auto size = static_cast<int64_t>(words.size());
      DLTensor tensor{.data = words.data(),
                      .device = {kDLCPU, 0},
                      .ndim = 1,
                      .dtype = {kDLInt, 32, 1},
                      .shape = &size,
                      .strides = nullptr,
                      .byte_offset = 0};
      // False where every token may come, the mask then says so too.
      impl_->matcher.FillNextTokenBitmask(&tensor);
      const CompiledGrammar::Impl& grammar = *impl_->grammar->impl_;
      const std::span<const uint32_t> valid = grammar.tokens->utf8.allowed(impl_->utf8_state);
      for (size_t i = 0; i < words.size(); ++i) words[i] &= static_cast<int32_t>(valid[i]);
      for (const int32_t id : grammar.masked_ids) {
        words[id / 32] &= static_cast<int32_t>(~(uint32_t{1} << (id % 32)));
      }
    }
    impl_->filled = true;
  }
  // Signed and unsigned forms of a type may alias.
  return {reinterpret_cast<const uint32_t*>(words.data()), words.size()};
}

bool GrammarMatcher::allows(int32_t token_id) {
  const std::span<const uint32_t> bits = allowed();
  const auto word = static_cast<size_t>(token_id) / 32;
  return token_id >= 0 && word < bits.size() && ((bits[word] >> (token_id % 32)) & 1) != 0;
}

bool GrammarMatcher::is_exhausted() {
  const std::span<const uint32_t> bits = allowed();
  int64_t count = 0;
  for (const uint32_t word : bits) count += std::popcount(word);
  for (const int32_t id : impl_->grammar->stop_ids()) count -= allows(id) ? 1 : 0;
  return count <= 0;
}

}  // namespace glmv::runtime
