#pragma once
// A ChatBackend in this process: a Processor in front of an Engine, parsers behind it.

#include <memory>

#include "glmv/api/chat_backend.h"
#include "glmv/api/model_service.h"
#include "glmv/chat/chat_prompt.h"
#include "glmv/chat/structured_answer.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/parsers/output_tags.h"
#include "glmv/parsers/reasoning_rules.h"
#include "glmv/processing/processor.h"
#include "glmv/runtime/engine.h"

namespace glmv::chat {

// Thread-safe. Boxes of a reply refer to the last picture of the request (to the last video when
// there is no picture: image -1).
class LocalBackend : public api::ChatBackend, public api::ModelService {
 public:
  // Loads tokenizer, template, processor and model of options.model_dir. Errors of the parts pass
  // through.
  static Result<std::unique_ptr<LocalBackend>> load(runtime::EngineOptions options);

  LocalBackend(std::unique_ptr<runtime::Engine> engine,
               std::shared_ptr<const processing::Processor> processor,
               checkpoint::GenerationConfig defaults);

  Result<api::ChatReply> chat(const api::ChatRequest& request,
                              const api::OnChunk& on_chunk) override;

  Result<std::vector<int32_t>> tokenize(const api::RawPrompt& prompt) const override;
  std::string detokenize(std::span<const int32_t> ids) const override;
  Result<api::PromptTokens> prompt_tokens(const api::ChatRequest& request) const override {
    return prompt_tokens(request, {});
  }
  // `on_chunk` hears how far the reading of the media is. Errors: also cancelled.
  Result<api::PromptTokens> prompt_tokens(const api::ChatRequest& request,
                                          const api::OnChunk& on_chunk) const;
  Result<std::string> prompt_text(const api::ChatRequest& request) const override;
  std::string chat_template() const override { return processor_->chat_template().source(); }
  api::ModelMetrics metrics() const override;

  // How thoughts are told from answers; before the first chat.
  void use_rules(const parsers::ReasoningRules& rules) { rules_ = rules; }

  // Who decodes pictures that come as files; before the first chat. Without: this process.
  void use_pictures(std::shared_ptr<media::PictureDecoder> decoder) {
    media_.pictures = std::move(decoder);
  }

  // No token typed in a message counts; before the first chat.
  void use_strict_text() { most_tokens_ = text::TokensInText::kNone; }

  // What was read last is kept.
  Result<std::vector<text::Message>> with_pages(std::span<const text::Message> messages,
                                                int64_t max_pixels,
                                                const api::OnChunk& on_chunk = {}) const override;
  // Which pages, and how large.
  const processing::DocumentRule& document_rule() const { return media_.document_rule; }
  // Null: none.
  std::shared_ptr<processing::MediaCache> media_cache() const { return media_.cache; }

  const runtime::Engine& engine() const { return *engine_; }
  runtime::Engine& engine() { return *engine_; }
  const processing::Processor& processor() const { return *processor_; }
  // Of the checkpoint, what unset fields of a request take.
  const checkpoint::GenerationConfig& defaults() const { return defaults_; }

 private:
  // Errors where a text cannot fit in the context whatever its tokens are: said before they are
  // made.
  Result<void> check_length(size_t num_bytes) const;
  Result<void> check_length(const api::ChatRequest& request) const;
  Result<processing::ModelInput> prompt_of(const api::ChatRequest& request,
                                           const api::OnChunk& on_chunk) const;

  std::shared_ptr<const processing::Processor> processor_;  // outlives the engine, which uses it
  std::unique_ptr<runtime::Engine> engine_;
  checkpoint::GenerationConfig defaults_;
  parsers::OutputTags tags_;
  parsers::ReasoningRules rules_;
  text::TokensInText most_tokens_ = text::TokensInText::kAll;
  size_t longest_token_ = 1;  // bytes
  StructuredAnswers structured_;
  MediaReading media_;
};

}  // namespace glmv::chat
