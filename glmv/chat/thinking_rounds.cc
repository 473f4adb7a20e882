#include "glmv/chat/thinking_rounds.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "glmv/chat/chat_prompt.h"
#include "glmv/parsers/answer.h"
#include "glmv/parsers/reasoning.h"

namespace glmv::chat {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookInterval{100};
constexpr std::string_view kThinkOpen = "<think>";
constexpr std::string_view kThinkClose = "</think>";
constexpr std::string_view kAnswerOpen = "<answer>";
constexpr std::string_view kAnswerClose = "</answer>";

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

bool contains(std::string_view text, std::string_view tag) {
  return text.find(tag) != std::string_view::npos;
}

// Thought, answer and boxes of the whole output.
void divide(TwoRounds& out, bool starts_in_thought) {
  const parsers::ReasoningResult parsed = parsers::parse_reasoning(
      out.output_text,
      {.start = starts_in_thought ? parsers::StartState::kReasoning : parsers::StartState::kStart,
       .drop_restated = true});
  out.reasoning = parsed.reasoning;
  out.answer = parsed.content;
  out.boxed = parsers::extract_boxed(parsed.marked_content);
}

struct Tokens {
  std::vector<int32_t> ids;
  bool at_limit = false;
  int32_t stop_id = -1;
};

Result<Tokens> generate(runtime::Engine& engine, runtime::Request job,
                        const std::function<bool()>& wanted) {
  GLMV_ASSIGN(const std::unique_ptr<runtime::TokenStream> stream, engine.submit(std::move(job)));
  Tokens out;
  while (true) {
    const std::optional<runtime::TokenEvent> event = stream->next_for(kLookInterval);
    if (wanted && !wanted()) return cancelled("stopped");
    if (!event) continue;
    if (event->token_id) out.ids.push_back(*event->token_id);
    if (event->finish == runtime::FinishReason::kNone) continue;
    if (event->finish == runtime::FinishReason::kError) {
      return std::unexpected(event->error.value_or(
          Status{Code::kInternal, "the engine ended the request without saying why"}));
    }
    out.at_limit = event->finish == runtime::FinishReason::kLength;
    out.stop_id = event->stop_token_id;
    return out;
  }
}

// The reply of a server as the model wrote it.
std::string written_text(const api::ChatReply& reply) {
  if (reply.reasoning.empty()) return reply.raw_text.empty() ? reply.content : reply.raw_text;
  const bool open = reply.content.empty() && api::was_cut(reply);
  return std::string(kThinkOpen) + reply.reasoning + (open ? "" : std::string(kThinkClose)) +
         reply.content;
}

}  // namespace

SecondRound plan_second_round(const FirstRound& first) {
  // An answer without tags is whole when its round ended by itself.
  const bool answered =
      first.has_answer_tags ? first.answer_close : first.think_close && !first.at_limit;
  const bool cut_in_thought = first.think_open && !first.think_close;
  if (answered || (!first.at_limit && !cut_in_thought)) return {};
  SecondRound second{.needed = true};
  if (!first.think_close) second.tags.push_back(kThinkClose);
  if (first.has_answer_tags && (!first.think_close || !first.answer_open)) {
    second.tags.push_back(kAnswerOpen);
  }
  return second;
}

std::string_view TwoRounds::reason() const {
  if (num_rounds == 1) return "first_generation_complete";
  return complete ? "force_completion_success" : "force_completion_incomplete";
}

Result<TwoRounds> answer_in_two_rounds(LocalBackend& backend, const api::ChatRequest& request,
                                       const RoundLimits& limits,
                                       const std::function<bool()>& wanted) {
  const text::Tokenizer& tokenizer = backend.processor().tokenizer();
  const parsers::OutputTags tags = output_tags(tokenizer);
  GLMV_ASSIGN(const processing::ModelInput prompt,
              build_prompt(backend.processor(), request, request.tokens_in_text));
  const parsers::StartState start = reply_start(prompt.input_ids, tokenizer, tags);
  const auto job = [&](int64_t max_tokens) {
    runtime::Request job = build_request(request, backend.defaults(), tokenizer, tags, start);
    job.stop.max_new_tokens = max_tokens;
    job.input = prompt;
    return job;
  };

  TwoRounds out;
  out.input_length = std::ssize(prompt.input_ids);
  Clock::time_point began = Clock::now();
  GLMV_ASSIGN(Tokens first, generate(backend.engine(), job(limits.first_max_tokens), wanted));
  out.first_ms = ms_since(began);
  const std::optional<int32_t> answer_close = added_token(tokenizer, kAnswerClose);
  // The end of a turn is no part of it, but </answer> is.
  if (answer_close && first.stop_id == *answer_close) first.ids.push_back(*answer_close);
  const auto has = [&](const std::vector<int32_t>& ids, std::string_view name) {
    const std::optional<int32_t> id = added_token(tokenizer, name);
    // Where it is no token of its own, it is spelled out.
    if (!id) return contains(tokenizer.decode(ids), name);
    return std::ranges::find(ids, *id) != ids.end();
  };
  FirstRound round{
      .think_open = start == parsers::StartState::kReasoning || has(first.ids, kThinkOpen),
      .think_close = start == parsers::StartState::kContent || has(first.ids, kThinkClose),
      .answer_open = has(first.ids, kAnswerOpen),
      .answer_close = has(first.ids, kAnswerClose),
      .at_limit = first.at_limit,
      .has_answer_tags = added_token(tokenizer, kAnswerOpen).has_value()};
  const SecondRound plan = plan_second_round(round);
  out.first_length = std::ssize(first.ids);
  out.output_ids = std::move(first.ids);
  out.complete = round.has_answer_tags ? round.answer_close : round.think_close && !first.at_limit;
  if (plan.needed) {
    out.num_rounds = 2;
    for (const std::string_view tag : plan.tags) {
      GLMV_ASSIGN(const std::vector<int32_t> ids, tokenizer.encode(tag));
      out.output_ids.insert(out.output_ids.end(), ids.begin(), ids.end());
      out.tags_length += std::ssize(ids);
    }
    runtime::Request more = job(limits.force_max_tokens);
    more.input.append_text(out.output_ids);
    more.thinking = {};  // the thought is over
    began = Clock::now();
    GLMV_ASSIGN(Tokens second, generate(backend.engine(), std::move(more), wanted));
    out.second_ms = ms_since(began);
    if (answer_close && second.stop_id == *answer_close) second.ids.push_back(*answer_close);
    out.second_length = std::ssize(second.ids);
    out.complete = round.has_answer_tags ? has(second.ids, kAnswerClose) : !second.at_limit;
    out.output_ids.insert(out.output_ids.end(), second.ids.begin(), second.ids.end());
  }
  out.output_text = tokenizer.decode(out.output_ids);
  divide(out, start == parsers::StartState::kReasoning);
  return out;
}

Result<TwoRounds> answer_in_two_rounds(api::ChatBackend& backend, const api::ChatRequest& request,
                                       const RoundLimits& limits, bool has_answer_tags,
                                       const std::function<bool()>& wanted) {
  const auto on_chunk = [&](const api::ChatChunk&) { return !wanted || wanted(); };
  api::ChatRequest asked = request;
  asked.raw_output = true;
  asked.max_tokens = limits.first_max_tokens;
  TwoRounds out;
  Clock::time_point began = Clock::now();
  GLMV_ASSIGN(const api::ChatReply first, backend.chat(asked, on_chunk));
  if (first.finish_reason == "cancelled") return cancelled("stopped");
  out.first_ms = ms_since(began);
  out.input_length = first.usage.prompt_tokens;
  out.first_length = first.usage.completion_tokens;
  out.output_text = written_text(first);
  const FirstRound round{
      .think_open = contains(out.output_text, kThinkOpen),
      .think_close = contains(out.output_text, kThinkClose),
      .answer_open = contains(out.output_text, kAnswerOpen),
      // Of the model it is an end token, which servers leave out.
      .answer_close = contains(out.output_text, kAnswerClose) ||
                      (first.finish_reason == "stop" && contains(out.output_text, kAnswerOpen)),
      .at_limit = first.finish_reason == "length",
      .has_answer_tags = has_answer_tags};
  const SecondRound plan = plan_second_round(round);
  out.complete = has_answer_tags ? round.answer_close : round.think_close && !round.at_limit;
  if (plan.needed) {
    out.num_rounds = 2;
    for (const std::string_view tag : plan.tags) out.output_text += tag;
    out.tags_length = std::ssize(plan.tags);
    asked.max_tokens = limits.force_max_tokens;
    asked.thinking_budget = -1;
    asked.messages.push_back(text::Message::assistant(out.output_text));
    asked.continue_final_message = true;
    began = Clock::now();
    GLMV_ASSIGN(const api::ChatReply second, backend.chat(asked, on_chunk));
    if (second.finish_reason == "cancelled") return cancelled("stopped");
    out.second_ms = ms_since(began);
    out.second_length = second.usage.completion_tokens;
    out.output_text += second.raw_text.empty() ? second.content : second.raw_text;
    out.complete = second.finish_reason != "length";
  }
  divide(out, !round.think_open && (round.think_close || plan.needed));
  return out;
}

}  // namespace glmv::chat
