#include "glmv/chat/local_backend.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "glmv/api/answer_boxes.h"
#include "glmv/chat/chat_prompt.h"
#include "glmv/chat/reply_assembler.h"
#include "glmv/chat/watched_work.h"

namespace glmv::chat {
namespace {

using Clock = std::chrono::steady_clock;

// How often who waits for a reply is asked whether it still does.
constexpr std::chrono::milliseconds kLookInterval{100};

std::string wire_name(runtime::FinishReason reason) {
  switch (reason) {
    case runtime::FinishReason::kLength:
      return "length";
    case runtime::FinishReason::kCancelled:
      return "cancelled";
    case runtime::FinishReason::kRepetition:
      return "repetition";
    default:
      return "stop";
  }
}

// The rest is for the question, other turns and the answer.
int64_t tokens_for_document(int64_t max_context_tokens) { return max_context_tokens * 3 / 4; }

// The picture that boxes refer to.
struct BoxFrame {
  int image = -1;
  int64_t width = 0;
  int64_t height = 0;
};

// What the prompt contributes to the reply.
BoxFrame describe_prompt(const processing::ModelInput& input, api::ChatReply& reply) {
  reply.prompt_ids = input.input_ids;
  reply.usage.prompt_tokens = static_cast<int64_t>(input.input_ids.size());
  reply.usage.image_tokens = static_cast<int64_t>(
      input.mm_token_types.size() - std::ranges::count(input.mm_token_types, uint8_t{0}));
  BoxFrame frame;
  for (const processing::Medium& medium : input.media) {
    if (medium.kind == processing::MediaKind::kImage) {
      reply.image_grid_thw.push_back({medium.grid.t, medium.grid.h, medium.grid.w});
      reply.image_sizes.push_back({medium.width, medium.height});
      frame = {static_cast<int>(reply.image_sizes.size()) - 1, medium.width, medium.height};
    } else {
      reply.video_grid_thw.push_back({medium.grid.t, medium.grid.h, medium.grid.w});
      if (frame.image < 0) frame = {-1, medium.width, medium.height};
    }
  }
  return frame;
}

// Of all names and strings in it, which a template would write.
size_t text_bytes(const Json& json) {
  if (json.is_string()) return json.get_ref<const std::string&>().size();
  size_t num_bytes = 0;
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) num_bytes += name.size() + text_bytes(value);
  } else if (json.is_array()) {
    for (const Json& value : json) num_bytes += text_bytes(value);
  }
  return num_bytes;
}

// Limits that a prompt breaks it breaks again: no time changes that.
std::unexpected<Status> for_good(Status status) {
  if (status.code == Code::kResourceExhausted) status.code = Code::kInvalidArgument;
  return std::unexpected(std::move(status));
}

// Some medium comes from a file.
bool reads_media(const api::ChatRequest& request) {
  const auto is_read = [](const text::ContentPart& part) {
    return part.kind != text::PartKind::kText && part.pixels.empty() && !part.packed;
  };
  return request.read_sources &&
         std::ranges::any_of(request.messages, [&](const text::Message& message) {
           return std::ranges::any_of(message.content, is_read);
         });
}

parsers::ReasoningOptions parsing_options(const api::ChatRequest& request,
                                          const parsers::OutputTags& tags,
                                          parsers::StartState start) {
  if (request.raw_output) return {.tags = {}};
  parsers::ReasoningOptions options{.tags = tags,
                                    .start = start,
                                    .drop_restated = request.drop_restated,
                                    .keep_box_markers = request.keep_box_markers};
  if (const Json tools = offered_tools(request); !tools.empty()) {
    options.tools = std::make_shared<const parsers::ToolSchemas>(tools);
  }
  return options;
}

}  // namespace

LocalBackend::LocalBackend(std::unique_ptr<runtime::Engine> engine,
                           std::shared_ptr<const processing::Processor> processor,
                           checkpoint::GenerationConfig defaults)
    : processor_(std::move(processor)),
      engine_(std::move(engine)),
      defaults_(std::move(defaults)),
      tags_(output_tags(processor_->tokenizer())),
      structured_(processor_->tokenizer(), tags_, defaults_, engine_->config().text.vocab_size) {
  media_.documents = std::make_shared<media::DocumentReader>();
  media_.document_rule.max_tokens =
      std::min(media_.document_rule.max_tokens, tokens_for_document(engine_->max_context_tokens()));
  if (engine_->media_cache_bytes() > 0) {
    media_.cache = std::make_shared<processing::MediaCache>(engine_->media_cache_bytes());
  }
  const text::Tokenizer& tokenizer = processor_->tokenizer();
  for (int64_t id = 0; id < tokenizer.vocab_size(); ++id) {
    longest_token_ =
        std::max(longest_token_, tokenizer.token_bytes(static_cast<int32_t>(id)).size());
  }
}

Result<std::vector<text::Message>> LocalBackend::with_pages(std::span<const text::Message> messages,
                                                            int64_t max_pixels,
                                                            const api::OnChunk& on_chunk) const {
  return watched(on_chunk, [&](processing::Preparation* preparation) {
    return processing::expand_documents(messages, *media_.documents, processor_->config(),
                                        media_.document_rule, max_pixels, preparation);
  });
}

Result<processing::ModelInput> LocalBackend::prompt_of(const api::ChatRequest& request,
                                                       const api::OnChunk& on_chunk) const {
  const auto work = [&](processing::Preparation* preparation) {
    return build_prompt(*processor_, request, most_tokens_, media_, preparation);
  };
  return reads_media(request) ? watched(on_chunk, work) : work(nullptr);
}

Result<void> LocalBackend::check_length(size_t num_bytes) const {
  const auto limit = static_cast<size_t>(engine_->max_context_tokens());
  if (num_bytes / longest_token_ < limit) return {};
  return invalid_argument(
      "the prompt is too long: its text of {} bytes has {} tokens at least and the maximum context "
      "length is {} tokens, the answer included: shorten the prompt",
      num_bytes, num_bytes / longest_token_, limit);
}

Result<void> LocalBackend::check_length(const api::ChatRequest& request) const {
  size_t num_bytes = request.raw_prompt ? request.raw_prompt->text.size() : 0;
  num_bytes += text_bytes(offered_tools(request));
  for (const text::Message& message : request.messages) {
    for (const text::ContentPart& part : message.content) num_bytes += part.text.size();
    if (message.reasoning_content) num_bytes += message.reasoning_content->size();
    num_bytes += text_bytes(message.tool_calls);
  }
  return check_length(num_bytes);
}

Result<api::ChatReply> LocalBackend::chat(const api::ChatRequest& request,
                                          const api::OnChunk& on_chunk) {
  const Clock::time_point start = Clock::now();
  const text::Tokenizer& tokenizer = processor_->tokenizer();
  GLMV_RETURN_IF_ERROR(check_length(request));
  const auto preprocess_ms = [start] {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  };
  auto input = prompt_of(request, on_chunk);
  if (!input && input.error().code == Code::kCancelled) {
    return api::ChatReply{.finish_reason = "cancelled",
                          .timings = {.preprocess_ms = preprocess_ms()}};
  }
  if (!input) return for_good(input.error());
  const parsers::StartState reply_begins = reply_start(input->input_ids, tokenizer, tags_);

  api::ChatReply reply;
  const BoxFrame frame = describe_prompt(*input, reply);
  runtime::Request job = build_request(request, defaults_, tokenizer, tags_, reply_begins);
  if (const auto constrained = structured_.constrain(request, reply_begins, job); !constrained) {
    return for_good(constrained.error());
  }
  job.input = *std::move(input);
  reply.timings.preprocess_ms = preprocess_ms();
  GLMV_ASSIGN(const std::unique_ptr<runtime::TokenStream> stream, engine_->submit(std::move(job)));

  parsers::ReasoningOptions parsing = parsing_options(request, tags_, reply_begins);
  parsing.rules = rules_;
  ReplyAssembler assembler(tokenizer, std::move(parsing));
  bool wanted = true;
  bool enough = false;  // the one call that is allowed is there
  const auto offer = [&](const api::ChatChunk& chunk) {
    if (!wanted || !on_chunk || on_chunk(chunk)) return;
    wanted = false;
    engine_->cancel(stream->id());
  };
  int64_t num_tokens = 0;
  const auto show = [&](api::ChatChunk chunk) {
    if (is_empty(chunk)) return;
    chunk.usage = {.prompt_tokens = reply.usage.prompt_tokens,
                   .image_tokens = reply.usage.image_tokens,
                   .completion_tokens = num_tokens};
    offer(chunk);
  };
  const auto next_event = [&] {
    while (true) {
      if (std::optional<runtime::TokenEvent> event = stream->next_for(kLookInterval))
        return *std::move(event);
      offer({});
    }
  };
  runtime::TokenEvent event = next_event();
  while (true) {
    if (event.forced) ++reply.usage.forced_tokens;
    if (event.token_id) ++num_tokens;
    if (wanted && !enough) show(assembler.on_event(event));
    if (!request.parallel_tool_calls && assembler.num_complete_calls() > 0 && !enough) {
      enough = true;
      engine_->cancel(stream->id());
    }
    if (event.finish != runtime::FinishReason::kNone) break;
    event = next_event();
  }
  if (event.finish == runtime::FinishReason::kError) {
    return std::unexpected(event.error.value_or(
        Status{Code::kInternal, "the engine ended the request without saying why"}));
  }
  const api::ChatChunk rest = assembler.finish();
  if (wanted) show(rest);
  std::optional<std::string> answer;  // of a thought that was never closed
  if (request.reclassify_open_thought && reply_begins == parsers::StartState::kReasoning &&
      event.finish == runtime::FinishReason::kStop && event.stop_string.empty()) {
    answer = assembler.open_thought();
    if (answer && wanted) show({.content = *answer});
  }

  // Streams and whole replies are divided alike, but for the rules of a server that does not.
  const bool streamed = on_chunk && !(request.whole && rules_.needs_both_tags);
  assembler.fill(reply, streamed);
  if (answer) {
    reply.content = std::move(*answer);
    reply.reasoning.clear();
    reply.usage.reasoning_tokens = 0;
    reply.reasoning_reclassified = true;
  }
  api::fill_boxes(assembler.marked_answer(streamed), frame.image, frame.width, frame.height, reply);
  reply.finish_reason = !wanted ? "cancelled" : enough ? "stop" : wire_name(event.finish);
  if (reply.finish_reason == "stop" && !reply.tool_calls.empty() &&
      reply.tool_calls.back().complete) {
    reply.finish_reason = "tool_calls";
  }
  reply.grammar_dead_end = event.grammar_dead_end;
  reply.stop_string = event.stop_string;
  reply.stop_token_id = event.stop_token_id;
  reply.usage.completion_tokens =
      wanted ? event.usage.completion_tokens : static_cast<int64_t>(reply.output_ids.size());
  reply.usage.cached_tokens = event.usage.cached_tokens;
  reply.timings.load_ms = engine_->load_ms();
  reply.timings.queue_ms = event.timings.queue_ms;
  reply.timings.vision_ms = event.timings.vision_ms;
  reply.timings.prefill_ms = event.timings.prefill_ms;
  reply.timings.decode_ms = event.timings.decode_ms;
  reply.timings.time_to_first_token_ms =
      reply.timings.preprocess_ms + event.timings.time_to_first_token_ms;
  return reply;
}

Result<std::vector<int32_t>> LocalBackend::tokenize(const api::RawPrompt& prompt) const {
  GLMV_RETURN_IF_ERROR(check_length(prompt.text.size()));
  return raw_ids(processor_->tokenizer(), prompt);
}

std::string LocalBackend::detokenize(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) text += processor_->tokenizer().token_bytes(id);
  return text;
}

Result<api::PromptTokens> LocalBackend::prompt_tokens(const api::ChatRequest& request,
                                                      const api::OnChunk& on_chunk) const {
  GLMV_RETURN_IF_ERROR(check_length(request));
  const auto input = prompt_of(request, on_chunk);
  if (!input) return for_good(input.error());
  api::PromptTokens out;
  out.ids = input->input_ids;
  const int64_t merge = processor_->merge_size();
  for (const processing::Medium& medium : input->media) {
    const bool image = medium.kind == processing::MediaKind::kImage;
    out.media.push_back({image ? "image" : "video",
                         medium.width,
                         medium.height,
                         {medium.grid.t, medium.grid.h, medium.grid.w},
                         medium.grid.num_patches() / (merge * merge)});
  }
  return out;
}

Result<std::string> LocalBackend::prompt_text(const api::ChatRequest& request) const {
  GLMV_RETURN_IF_ERROR(check_length(request));
  if (!request.read_sources || !processing::has_documents(request.messages)) {
    auto text = render_prompt(*processor_, request);
    if (!text) return for_good(text.error());
    return text;
  }
  api::ChatRequest expanded = request;
  auto pages = with_pages(request.messages, request.max_pixels);
  if (!pages) return for_good(pages.error());
  expanded.messages = *std::move(pages);
  expanded.read_sources = false;
  return prompt_text(expanded);
}

api::ModelMetrics LocalBackend::metrics() const {
  const runtime::EngineMetrics m = engine_->metrics();
  const processing::MediaCacheUse kept =
      media_.cache ? media_.cache->use() : processing::MediaCacheUse{};
  return {.num_running = m.num_running,
          .num_waiting = m.num_waiting,
          .num_preempted = m.num_preempted,
          .prompt_tokens = m.prompt_tokens,
          .generated_tokens = m.generated_tokens,
          .cached_tokens = m.cached_tokens,
          .drafted_tokens = m.drafted_tokens,
          .accepted_tokens = m.accepted_tokens,
          .cache_blocks = m.cache.max_blocks,
          .used_cache_blocks = m.cache.used_blocks,
          .cache_block_tokens = m.cache.block_tokens,
          .engine_alive = m.alive,
          .num_steps = m.num_steps,
          .step_seconds = m.step_seconds,
          .encoder_cache_queries = m.encoder_cache.queries,
          .encoder_cache_hits = m.encoder_cache.hits,
          .encoder_seconds = m.encoder_seconds,
          .media_cache_queries = kept.queries,
          .media_cache_hits = kept.hits};
}

}  // namespace glmv::chat
