#pragma once
// Constraints of a chat request -> the grammar of the engine's request: response formats, the tool
// calls of tool_choice "required" or a named function, and under "auto" those of functions that are
// strict, once a call has begun.

#include "glmv/api/chat_types.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/parsers/output_tags.h"
#include "glmv/runtime/grammar.h"
#include "glmv/runtime/request.h"
#include "glmv/text/tokenizer.h"

namespace glmv::chat {

// Thread-safe.
class StructuredAnswers {
 public:
  // `tokenizer` and `tags` outlive this object. `num_logits`: of the model.
  StructuredAnswers(const text::Tokenizer& tokenizer, const parsers::OutputTags& tags,
                    const checkpoint::GenerationConfig& defaults, int64_t num_logits);

  // Fills job.answer where the request asks for it; job.thinking is set already. Errors:
  // invalid_argument that begins with the field of the request.
  Result<void> constrain(const api::ChatRequest& request, parsers::StartState start,
                         runtime::Request& job);

 private:
  Result<std::optional<runtime::GrammarSource>> source_of(const api::ChatRequest& request) const;
  // Any call of a declared function; none where no function is strict, or nothing marks the
  // beginning of a call.
  Result<std::optional<runtime::GrammarSource>> lazy_source_of(
      const api::ChatRequest& request) const;

  const text::Tokenizer& tokenizer_;
  const parsers::OutputTags& tags_;
  std::vector<int32_t> turn_ends_;  // and </answer>, where there is one
  runtime::GrammarCompiler compiler_;
};

}  // namespace glmv::chat
