#pragma once
// What `glmv chat` is made of before the first message: who answers, and how media are read.

#include <functional>
#include <memory>
#include <string>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/document_flags.h"
#include "apps/glmv/video_flags.h"
#include "glmv/api/chat_backend.h"
#include "glmv/terminal/chat.h"

namespace glmv::app {

struct ChatModel {
  std::unique_ptr<api::ChatBackend> backend;
  terminal::ModelFacts facts;
  // May be empty.
  std::function<Result<api::PromptTokens>(const api::ChatRequest&, const api::OnChunk&)>
      count_tokens;
};
// A model in this process, or on a server. `pictures`: who decodes those that come as files.
Result<ChatModel> open_chat_model(const ModelFlags& flags,
                                  const std::shared_ptr<media::PictureDecoder>& pictures);

// Media are looked at in child processes.
terminal::MediaReader chat_media_reader(const VideoFlags& videos, const DocumentFlags& documents);

// A folder, a GGUF file, a server or the name of a model that was pulled: no message.
bool can_be_a_model(const std::string& word);

}  // namespace glmv::app
