#include "glmv/chat/chat_prompt.h"

#include <algorithm>

#include "glmv/chat/tool_prompt.h"

namespace glmv::chat {

std::optional<int32_t> added_token(const text::Tokenizer& tokenizer, std::string_view name) {
  const std::optional<int32_t> id = tokenizer.token_id(name);
  return id && tokenizer.is_added(*id) ? id : std::nullopt;
}

namespace {

constexpr std::string_view kTurnEnds[] = {"<|endoftext|>", "<|user|>", "<|observation|>"};
constexpr std::string_view kThinkingSwitch = "enable_thinking";
// A think tag further away than this many tokens belongs to an older turn.
constexpr size_t kPromptTailTokens = 64;

bool has_tools(const processing::Processor& processor) {
  return processor.chat_template().source().find("tools") != std::string::npos;
}

// The messages as the template can show them.
std::vector<text::Message> shown_messages(const processing::Processor& processor,
                                          const api::ChatRequest& request) {
  if (has_tools(processor)) return request.messages;
  return spell_out_tools(request.messages, offered_tools(request));
}

bool has_thinking_switch(const processing::Processor& processor) {
  return processor.chat_template().source().find(kThinkingSwitch) != std::string::npos;
}

text::RenderOptions render_options(const processing::Processor& processor,
                                   const api::ChatRequest& request) {
  text::RenderOptions options;
  options.add_generation_prompt = request.add_generation_prompt && !request.continue_final_message;
  options.continue_final_message = request.continue_final_message;
  options.kwargs = request.template_kwargs;
  if (has_tools(processor)) options.tools = offered_tools(request);
  if (has_thinking_switch(processor) && request.thinking != api::Thinking::kAuto) {
    options.enable_thinking = request.thinking == api::Thinking::kOn;
  }
  return options;
}

// What closes the thought where the template has no switch for that.
std::string_view prompt_end(const processing::Processor& processor,
                            const api::ChatRequest& request) {
  if (request.thinking != api::Thinking::kOff || request.continue_final_message ||
      has_thinking_switch(processor)) {
    return "";
  }
  const bool has_answer = added_token(processor.tokenizer(), "<answer>").has_value();
  return has_answer ? "<think></think><answer>" : "<think></think>\n";
}

}  // namespace

Json offered_tools(const api::ChatRequest& request) {
  const bool none = request.tool_choice == api::ToolChoice::kNone || request.tools.empty();
  return none ? Json() : request.tools;
}

parsers::OutputTags output_tags(const text::Tokenizer& tokenizer) {
  return parsers::OutputTags::from_tokenizer(
      [&](std::string_view name) { return added_token(tokenizer, name); });
}

Result<std::vector<int32_t>> raw_ids(const text::Tokenizer& tokenizer,
                                     const api::RawPrompt& prompt) {
  std::vector<int32_t> ids = prompt.ids;
  if (ids.empty()) {
    const text::ByteRange whole{0, prompt.text.size()};
    const auto untrusted = text::untrusted_parts(prompt.text, {&whole, 1}, prompt.tokens_in_text);
    GLMV_ASSIGN(ids, tokenizer.encode(prompt.text, {.add_special_tokens = prompt.add_special_tokens,
                                                    .untrusted = untrusted}));
  }
  for (const std::string_view name : {"<|image|>", "<|video|>"}) {
    const std::optional<int32_t> id = added_token(tokenizer, name);
    if (id && std::ranges::find(ids, *id) != ids.end()) {
      return invalid_argument(
          "prompt: {} stands for a picture, and raw prompts have none; send "
          "messages to the chat endpoint",
          name);
    }
  }
  return ids;
}

namespace {

Result<processing::ModelInput> raw_input(const processing::Processor& processor,
                                         const api::RawPrompt& prompt) {
  GLMV_ASSIGN(const std::vector<int32_t> ids, raw_ids(processor.tokenizer(), prompt));
  if (ids.empty()) return invalid_argument("prompt: is empty");
  processing::ModelInput input;
  input.append_text(ids);
  return input;
}

}  // namespace

Result<processing::ModelInput> build_prompt(const processing::Processor& processor,
                                            const api::ChatRequest& request,
                                            text::TokensInText most_tokens,
                                            const MediaReading& media,
                                            processing::Preparation* preparation) {
  if (request.raw_prompt) return raw_input(processor, *request.raw_prompt);
  if (request.messages.empty()) return invalid_argument("messages: give at least one message");
  processing::PromptOptions options;
  options.max_pixels = request.max_pixels;
  options.read_sources = request.read_sources;
  options.documents = media.documents;
  options.document_rule = media.document_rule;
  options.pictures = media.pictures;
  options.media_cache = media.cache;
  options.cache_salt = request.cache_salt;
  options.preparation = preparation;
  options.tokens_in_text = std::min(request.tokens_in_text, most_tokens);
  options.render = render_options(processor, request);
  GLMV_ASSIGN(processing::ModelInput input,
              processor.process(shown_messages(processor, request), options));
  GLMV_ASSIGN(const std::vector<int32_t> ids,
              processor.tokenizer().encode(prompt_end(processor, request)));
  input.append_text(ids);
  return input;
}

Result<std::string> render_prompt(const processing::Processor& processor,
                                  const api::ChatRequest& request) {
  if (request.messages.empty()) return invalid_argument("messages: give at least one message");
  GLMV_ASSIGN(const text::Rendered rendered,
              processor.chat_template().render(shown_messages(processor, request),
                                               render_options(processor, request)));
  return rendered.text + std::string(prompt_end(processor, request));
}

parsers::StartState reply_start(std::span<const int32_t> prompt_ids,
                                const text::Tokenizer& tokenizer, const parsers::OutputTags& tags) {
  if (tags.id_of(parsers::TagKind::kThinkClose) >= 0) {
    return parsers::start_state(prompt_ids, tags);
  }
  const size_t tail = std::min(prompt_ids.size(), kPromptTailTokens);
  // Role names too must be seen by text here.
  return parsers::start_state(tokenizer.decode(prompt_ids.last(tail)),
                              parsers::OutputTags::text_only());
}

std::vector<int32_t> turn_end_ids(const text::Tokenizer& tokenizer,
                                  const checkpoint::GenerationConfig& defaults) {
  std::vector<int32_t> ids;
  const auto add = [&ids](int32_t id) {
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  };
  for (const int64_t id : defaults.eos_token_ids) add(static_cast<int32_t>(id));
  for (const std::string_view name : kTurnEnds) {
    if (const std::optional<int32_t> id = added_token(tokenizer, name)) add(*id);
  }
  return ids;
}

runtime::Request build_request(const api::ChatRequest& request,
                               const checkpoint::GenerationConfig& defaults,
                               const text::Tokenizer& tokenizer, const parsers::OutputTags& tags,
                               parsers::StartState start) {
  runtime::Request out;
  out.sampling = {
      .temperature = request.temperature.value_or(defaults.do_sample ? defaults.temperature : 0.0),
      .top_p = request.top_p.value_or(defaults.top_p),
      .top_k = request.top_k.value_or(defaults.top_k),
      .min_p = request.min_p.value_or(0.0),
      .repetition_penalty = request.repetition_penalty.value_or(defaults.repetition_penalty),
      .presence_penalty = request.presence_penalty,
      .frequency_penalty = request.frequency_penalty,
      .logit_bias = request.logit_bias,
      .seed = request.seed,
      .num_logprobs = request.logprobs ? request.top_logprobs : -1};

  out.stop = {.max_new_tokens = request.max_tokens.value_or(-1),
              .min_new_tokens = request.min_tokens,
              .stop_token_ids = request.stop_token_ids,
              .stop_strings = request.stop,
              .include_stop_string = request.include_stop_string,
              .ignore_eos = request.ignore_eos};
  if (!request.ignore_eos) {
    std::vector<int32_t>& stops = out.stop.stop_token_ids;
    for (const int32_t id : turn_end_ids(tokenizer, defaults)) {
      if (std::ranges::find(stops, id) == stops.end()) stops.push_back(id);
    }
  }

  out.thinking.max_tokens = request.thinking_budget;
  out.thinking.end_now = request.end_thinking;
  out.thinking.think_start_id = tags.id_of(parsers::TagKind::kThinkOpen);
  out.thinking.think_end_id = tags.id_of(parsers::TagKind::kThinkClose);
  out.thinking.starts_open = start == parsers::StartState::kReasoning;
  if (out.thinking.think_end_id >= 0) {
    out.thinking.force_ids.push_back(out.thinking.think_end_id);
    const int32_t answer = tags.id_of(parsers::TagKind::kAnswerOpen);
    if (answer >= 0) out.thinking.force_ids.push_back(answer);
  }
  out.loop.enabled = request.detect_repetition;
  out.priority = request.priority;
  out.cache_salt = request.cache_salt;
  return out;
}

}  // namespace glmv::chat
