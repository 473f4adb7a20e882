#pragma once
// What a compiled grammar holds. Private to grammar.cc and grammar_matcher.cc: the only files that
// include XGrammar.

#include <xgrammar/xgrammar.h>

#include <memory>
#include <vector>

#include "glmv/runtime/grammar.h"

namespace glmv::runtime {

// Of a tokenizer, in XGrammar's form.
struct GrammarTokens {
  explicit GrammarTokens(const GrammarVocabulary& vocabulary);
  xgrammar::TokenizerInfo info;
  std::vector<int32_t> line_break_ids;
  std::vector<int32_t> stop_ids;
  int32_t vocab_size = 0;
};

struct CompiledGrammar::Impl {
  xgrammar::CompiledGrammar compiled;
  std::shared_ptr<const GrammarTokens> tokens;
};

}  // namespace glmv::runtime
