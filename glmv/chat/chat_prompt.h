#pragma once
// ChatRequest -> the engine's Request: prompt, sampling, stops and thinking budget. Every special
// token is found by its name in the tokenizer.

#include "glmv/api/chat_types.h"
#include "glmv/checkpoint/hf_config.h"
#include "glmv/parsers/output_tags.h"
#include "glmv/processing/processor.h"
#include "glmv/runtime/request.h"

namespace glmv::chat {

// The id of a token that stands in the added tokens under this name.
std::optional<int32_t> added_token(const text::Tokenizer& tokenizer, std::string_view name);

// The ids of a raw prompt, which may be none. Error: invalid_argument for tokens that stand for
// media, since it has none.
Result<std::vector<int32_t>> raw_ids(const text::Tokenizer& tokenizer,
                                     const api::RawPrompt& prompt);

// The tags of a reply as this tokenizer spells them.
parsers::OutputTags output_tags(const text::Tokenizer& tokenizer);

// What reads the media of a request, and keeps what it has read.
struct MediaReading {
  std::shared_ptr<media::DocumentReader> documents;  // null: one for this prompt alone
  processing::DocumentRule document_rule;
  std::shared_ptr<media::PictureDecoder> pictures;  // of files; null: this process
  std::shared_ptr<processing::MediaCache> cache;    // null: none
};

// Renders and tokenises the messages, or takes the raw prompt. Thinking::kOff sets enable_thinking
// = false; where the template has no such switch (4.1V) a closed think pair, and <answer> if the
// tokenizer has it, is appended. Messages may hold `most_tokens`, whatever the request says.
// `preparation` may be null. Errors of media, template and tokenizer pass through.
Result<processing::ModelInput> build_prompt(const processing::Processor& processor,
                                            const api::ChatRequest& request,
                                            text::TokensInText most_tokens,
                                            const MediaReading& media = {},
                                            processing::Preparation* preparation = nullptr);

// The same as text, media as placeholders.
Result<std::string> render_prompt(const processing::Processor& processor,
                                  const api::ChatRequest& request);

// Functions that the reply may call; null: none.
Json offered_tools(const api::ChatRequest& request);

// Where the reply to this prompt starts.
parsers::StartState reply_start(std::span<const int32_t> prompt_ids,
                                const text::Tokenizer& tokenizer, const parsers::OutputTags& tags);

// What ends a turn: the checkpoint's EOS ids, <|endoftext|>, <|user|>, <|observation|>.
std::vector<int32_t> turn_end_ids(const text::Tokenizer& tokenizer,
                                  const checkpoint::GenerationConfig& defaults);

// Everything but the prompt. Unset sampling fields take `defaults` (greedy unless do_sample). The
// ends of a chat turn (<|endoftext|>, <|user|>, <|observation|>) always stop, unless ignore_eos.
runtime::Request build_request(const api::ChatRequest& request,
                               const checkpoint::GenerationConfig& defaults,
                               const text::Tokenizer& tokenizer, const parsers::OutputTags& tags,
                               parsers::StartState start);

}  // namespace glmv::chat
