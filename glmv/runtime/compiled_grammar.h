#pragma once
// What a compiled grammar holds. Private to grammar.cc and grammar_matcher.cc: the only files that
// include XGrammar.

#include <xgrammar/xgrammar.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "glmv/runtime/grammar.h"
#include "glmv/runtime/utf8_masks.h"

namespace glmv::runtime {

// Of a tokenizer, in XGrammar's form.
struct GrammarTokens {
  explicit GrammarTokens(const GrammarVocabulary& vocabulary);
  bool is_added(int32_t id) const { return std::ranges::binary_search(added_ids, id); }

  std::vector<std::string> texts;  // as the tokenizer has them
  std::vector<int32_t> added_ids;  // ascending, in range, stop tokens among them
  xgrammar::TokenizerInfo info;
  std::vector<int32_t> line_break_ids;
  std::vector<int32_t> stop_ids;
  Utf8Masks utf8;
};

struct CompiledGrammar::Impl {
  xgrammar::CompiledGrammar compiled;
  // Added tokens that the source does not name: "any text" of XGrammar is any byte, theirs too.
  std::vector<int32_t> masked_ids;
  std::shared_ptr<const GrammarTokens> tokens;
};

}  // namespace glmv::runtime
