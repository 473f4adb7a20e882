#pragma once
// Sources of grammars, checked for size, nesting and repetitions before anything parses them.
// Private to the grammar compiler.

#include <string>

#include "glmv/runtime/grammar.h"

namespace glmv::runtime {

// Errors: invalid_argument, naming the limit.
Result<void> check_grammar_source(const GrammarSource& source, const GrammarLimits& limits);

// Strings of a kChoice source; invalid_argument when it is no list of distinct, non-empty strings.
Result<std::vector<std::string>> parse_choices(const std::string& text);

// llama.cpp's grammar as EBNF for XGrammar: "." is any character; the rest is the same.
std::string gbnf_to_ebnf(const std::string& text);

// The same expression with "(...)?" written as "(|(...))": XGrammar's automata take a group that
// ends in a loop for optional in the wrong way, "x(a[0-9]+)?" would match "x1".
std::string unfold_optional_groups(const std::string& regex);

// `text` as a literal of XGrammar's EBNF. The text must be UTF-8.
std::string ebnf_literal(std::string_view text);

}  // namespace glmv::runtime
