#include "glmv/chat/local_backend.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "glmv/chat/chat_prompt.h"
#include "glmv/chat/reply_assembler.h"

namespace glmv::chat {
namespace {

using Clock = std::chrono::steady_clock;

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

}  // namespace

LocalBackend::LocalBackend(std::unique_ptr<runtime::Engine> engine,
                           std::shared_ptr<const processing::Processor> processor,
                           checkpoint::GenerationConfig defaults)
    : processor_(std::move(processor)),
      engine_(std::move(engine)),
      defaults_(std::move(defaults)),
      tags_(output_tags(processor_->tokenizer())),
      structured_(processor_->tokenizer(), tags_, defaults_, engine_->config().text.vocab_size) {}

Result<api::ChatReply> LocalBackend::chat(
    const api::ChatRequest& request, const std::function<bool(const api::ChatChunk&)>& on_chunk) {
  const Clock::time_point start = Clock::now();
  const text::Tokenizer& tokenizer = processor_->tokenizer();
  GLMV_ASSIGN(processing::ModelInput input, build_prompt(*processor_, request));
  const parsers::StartState reply_begins = reply_start(input.input_ids, tokenizer, tags_);

  api::ChatReply reply;
  const BoxFrame frame = describe_prompt(input, reply);
  runtime::Request job = build_request(request, defaults_, tokenizer, tags_, reply_begins);
  GLMV_RETURN_IF_ERROR(structured_.constrain(request, reply_begins, job));
  job.input = std::move(input);
  reply.timings.preprocess_ms =
      std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  GLMV_ASSIGN(const std::unique_ptr<runtime::TokenStream> stream, engine_->submit(std::move(job)));

  ReplyAssembler assembler(
      tokenizer, {.tags = tags_, .start = reply_begins, .drop_restated = request.drop_restated});
  bool wanted = true;
  const auto show = [&](const api::ChatChunk& chunk) {
    if (!wanted || !on_chunk || is_empty(chunk) || on_chunk(chunk)) return;
    wanted = false;
    engine_->cancel(stream->id());
  };
  runtime::TokenEvent event = stream->next();
  while (true) {
    if (wanted) show(assembler.on_event(event));
    if (event.finish != runtime::FinishReason::kNone) break;
    event = stream->next();
  }
  if (event.finish == runtime::FinishReason::kError) {
    return std::unexpected(event.error.value_or(
        Status{Code::kInternal, "the engine ended the request without saying why"}));
  }
  const api::ChatChunk rest = assembler.finish();
  if (wanted) show(rest);

  const bool streamed = static_cast<bool>(on_chunk);
  assembler.fill(reply, streamed);
  fill_boxes(assembler.marked_answer(streamed), frame.image, frame.width, frame.height, reply);
  reply.finish_reason = wanted ? wire_name(event.finish) : "cancelled";
  reply.grammar_dead_end = event.grammar_dead_end;
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

Result<std::vector<int32_t>> LocalBackend::tokenize(std::string_view text) const {
  // As in a message: what looks like a special token is text.
  const text::ByteRange whole{0, text.size()};
  return processor_->tokenizer().encode(text, {.untrusted = {&whole, 1}});
}

std::string LocalBackend::detokenize(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) text += processor_->tokenizer().token_bytes(id);
  return text;
}

Result<api::PromptTokens> LocalBackend::prompt_tokens(const api::ChatRequest& request) const {
  GLMV_ASSIGN(const processing::ModelInput input, build_prompt(*processor_, request));
  api::PromptTokens out;
  out.ids = input.input_ids;
  const int64_t merge = processor_->merge_size();
  for (const processing::Medium& medium : input.media) {
    const bool image = medium.kind == processing::MediaKind::kImage;
    out.media.push_back({image ? "image" : "video", medium.width, medium.height,
                         {medium.grid.t, medium.grid.h, medium.grid.w},
                         medium.grid.num_patches() / (merge * merge)});
  }
  return out;
}

Result<std::string> LocalBackend::prompt_text(const api::ChatRequest& request) const {
  return render_prompt(*processor_, request);
}

api::ModelMetrics LocalBackend::metrics() const {
  const runtime::EngineMetrics m = engine_->metrics();
  return {.num_running = m.num_running,
          .num_waiting = m.num_waiting,
          .num_preempted = m.num_preempted,
          .prompt_tokens = m.prompt_tokens,
          .generated_tokens = m.generated_tokens,
          .cached_tokens = m.cached_tokens,
          .drafted_tokens = m.drafted_tokens,
          .accepted_tokens = m.accepted_tokens,
          .cache_blocks = m.cache.max_blocks,
          .used_cache_blocks = m.cache.used_blocks};
}

}  // namespace glmv::chat
