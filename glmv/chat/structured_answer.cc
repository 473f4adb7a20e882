#include "glmv/chat/structured_answer.h"

#include <algorithm>

#include "glmv/chat/chat_prompt.h"
#include "glmv/runtime/tool_grammar.h"

namespace glmv::chat {
namespace {

runtime::GrammarKind grammar_kind(api::ConstraintKind kind) {
  switch (kind) {
    case api::ConstraintKind::kJsonObject:
      return runtime::GrammarKind::kJsonObject;
    case api::ConstraintKind::kJsonSchema:
      return runtime::GrammarKind::kJsonSchema;
    case api::ConstraintKind::kRegex:
      return runtime::GrammarKind::kRegex;
    case api::ConstraintKind::kChoice:
      return runtime::GrammarKind::kChoice;
    case api::ConstraintKind::kEbnf:
      return runtime::GrammarKind::kEbnf;
    case api::ConstraintKind::kGbnf:
      return runtime::GrammarKind::kGbnf;
    case api::ConstraintKind::kStructuralTag:
      return runtime::GrammarKind::kStructuralTag;
  }
  return runtime::GrammarKind::kJsonObject;
}

runtime::GrammarVocabulary vocabulary(const text::Tokenizer& tokenizer, int64_t num_logits,
                                      std::vector<int32_t> stop_ids) {
  return {
      .token_bytes = [&tokenizer](int32_t id) { return std::string(tokenizer.token_bytes(id)); },
      .vocab_size = std::max(num_logits, tokenizer.vocab_size()),
      .added_ids = tokenizer.added_token_ids(),
      .stop_ids = std::move(stop_ids)};
}

std::vector<int32_t> answer_ends(const text::Tokenizer& tokenizer,
                                 const checkpoint::GenerationConfig& defaults,
                                 const parsers::OutputTags& tags) {
  std::vector<int32_t> ids = turn_end_ids(tokenizer, defaults);
  const int32_t close = tags.id_of(parsers::TagKind::kAnswerClose);
  if (close >= 0 && std::ranges::find(ids, close) == ids.end()) ids.push_back(close);
  return ids;
}

}  // namespace

StructuredAnswers::StructuredAnswers(const text::Tokenizer& tokenizer,
                                     const parsers::OutputTags& tags,
                                     const checkpoint::GenerationConfig& defaults,
                                     int64_t num_logits)
    : tokenizer_(tokenizer),
      tags_(tags),
      turn_ends_(answer_ends(tokenizer, defaults, tags)),
      compiler_(vocabulary(tokenizer, num_logits, turn_ends_)) {}

Result<std::optional<runtime::GrammarSource>> StructuredAnswers::source_of(
    const api::ChatRequest& request) const {
  if (request.tool_choice == api::ToolChoice::kRequired ||
      request.tool_choice == api::ToolChoice::kNamed) {
    const bool named = request.tool_choice == api::ToolChoice::kNamed;
    const runtime::ToolCallRules rules{.only = named ? request.tool_name : std::string(),
                                       .parallel = request.parallel_tool_calls};
    GLMV_ASSIGN(runtime::GrammarSource source,
                runtime::tool_call_grammar(request.tools, rules, [this](std::string_view name) {
                  return added_token(tokenizer_, name);
                }));
    return source;
  }
  if (!request.constraint) return std::nullopt;
  return runtime::GrammarSource{grammar_kind(request.constraint->kind), request.constraint->text};
}

Result<std::optional<runtime::GrammarSource>> StructuredAnswers::lazy_source_of(
    const api::ChatRequest& request) const {
  const Json tools = offered_tools(request);
  const bool any_strict = std::ranges::any_of(tools, [](const Json& tool) {
    const Json function = tool.is_object() ? tool.value("function", Json()) : Json();
    return function.is_object() && function.value("strict", Json()) == Json(true);
  });
  if (!any_strict || tags_.id_of(parsers::TagKind::kToolCall) < 0) return std::nullopt;
  GLMV_ASSIGN(runtime::GrammarSource source,
              runtime::tool_call_grammar(
                  tools, {.parallel = false, .strict_only = true},
                  [this](std::string_view name) { return added_token(tokenizer_, name); }));
  return source;
}

Result<void> StructuredAnswers::constrain(const api::ChatRequest& request,
                                          parsers::StartState start, runtime::Request& job) {
  GLMV_ASSIGN(std::optional<runtime::GrammarSource> source, source_of(request));
  const bool lazy = !source;
  if (lazy) {
    GLMV_ASSIGN(source, lazy_source_of(request));
  }
  if (!source) return {};
  auto grammar = compiler_.compile(*source);
  if (!grammar) {
    const bool tools = source->kind == runtime::GrammarKind::kToolCalls;
    return in_context(tools ? "tools" : request.constraint->field, grammar.error());
  }
  using Start = runtime::AnswerGrammar::Start;
  runtime::AnswerGrammar& answer = job.answer;
  answer.grammar = std::move(*grammar);
  if (lazy) {
    answer.trigger_id = tags_.id_of(parsers::TagKind::kToolCall);
    return {};
  }
  if (start == parsers::StartState::kContent) answer.start = Start::kBehindThought;
  if (start == parsers::StartState::kStart && request.thinking != api::Thinking::kOff) {
    answer.start = Start::kMaybeThought;
  }
  for (const parsers::TagKind kind : {parsers::TagKind::kToolCall, parsers::TagKind::kAnswerOpen}) {
    const int32_t id = tags_.id_of(kind);
    if (id < 0) continue;
    answer.not_in_thought_ids.push_back(id);
    if (kind == parsers::TagKind::kAnswerOpen) answer.open_ids.push_back(id);
  }
  if (!request.ignore_eos) {
    for (const int32_t id : turn_ends_) {
      if (std::ranges::find(job.stop.stop_token_ids, id) == job.stop.stop_token_ids.end()) {
        job.stop.stop_token_ids.push_back(id);
      }
    }
  }
  return {};
}

}  // namespace glmv::chat
