#pragma once
// Grammars of answers: what a request may ask for (a JSON schema, a regular expression, ...)
// compiled for one tokenizer, and a matcher that says which tokens may come next. The automata are
// XGrammar's.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "glmv/base/result.h"

namespace glmv::runtime {

enum class GrammarKind {
  kJsonObject,     // any JSON object; no text
  kJsonSchema,     // JSON schema
  kRegex,          // regular expression of the whole answer
  kChoice,         // JSON list of strings, one of which is the answer
  kEbnf,           // XGrammar's EBNF; the first rule is "root"
  kGbnf,           // llama.cpp's grammars
  kStructuralTag,  // XGrammar's structural tag, or the older {"structures", "triggers"}
  kToolCalls,      // structural tag made by tool_call_grammar()
};

struct GrammarSource {
  GrammarKind kind = GrammarKind::kJsonObject;
  std::string text;
};

// What a grammar must know of a tokenizer.
struct GrammarVocabulary {
  std::function<std::string(int32_t)> token_bytes;  // empty: the id has no text
  int64_t vocab_size = 0;                           // rows of logits
  // "<think>", "<|user|>": never part of free text; a grammar can name them by id only.
  std::vector<int32_t> added_ids;
  std::vector<int32_t> stop_ids;  // may come where the grammar is complete, nowhere else
};

// Immutable, thread-safe, shared by all requests that use it.
class CompiledGrammar {
 public:
  struct Impl;
  explicit CompiledGrammar(std::unique_ptr<const Impl> impl);
  ~CompiledGrammar();
  int64_t memory_bytes() const;
  // Tokens that are line breaks and nothing else.
  std::span<const int32_t> line_break_ids() const;
  std::span<const int32_t> stop_ids() const;

 private:
  friend class GrammarMatcher;
  std::unique_ptr<const Impl> impl_;
};

// The state of one output. Not thread-safe.
class GrammarMatcher {
 public:
  explicit GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar);
  ~GrammarMatcher();
  GrammarMatcher(GrammarMatcher&&) noexcept;
  GrammarMatcher& operator=(GrammarMatcher&&) noexcept;

  // False, and nothing changes, when the token may not come. A stop token ends the output: nothing
  // may follow.
  bool accept(int32_t token_id);
  // The text so far is complete.
  bool is_complete() const;

  // Bit i % 32 of word i / 32: token i may come next; stop tokens where the text is complete. Valid
  // until the next accept().
  std::span<const uint32_t> allowed();
  bool allows(int32_t token_id);
  // What may come next besides stop tokens: nothing.
  bool is_exhausted();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct GrammarLimits {
  size_t source_bytes = size_t{1} << 20;
  int nesting_depth = 64;       // of brackets and of JSON
  int64_t repetitions = 10000;  // largest number in {m,n}
  int compile_seconds = 5;      // of processor time
  int64_t compile_bytes = int64_t{2} << 30;
  int64_t cache_bytes = int64_t{256} << 20;
};

// Compiles grammars for one tokenizer and keeps the last used. Thread-safe; never called on the
// engine thread. Every new source is tried first in a child process with limits on time and memory.
class GrammarCompiler {
 public:
  explicit GrammarCompiler(GrammarVocabulary vocabulary, GrammarLimits limits = {});
  ~GrammarCompiler();

  // Errors: invalid_argument, saying what is wrong with the source or which limit it breaks.
  Result<std::shared_ptr<const CompiledGrammar>> compile(const GrammarSource& source);
  int64_t cached_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace glmv::runtime
