#pragma once
// What `glmv chat` is made of before the first message: who answers, and how media are read.

#include <functional>
#include <memory>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/video_flags.h"
#include "glmv/api/chat_backend.h"
#include "glmv/terminal/chat.h"

namespace glmv::app {

struct ChatModel {
  std::unique_ptr<api::ChatBackend> backend;
  terminal::ModelFacts facts;
  std::function<Result<api::PromptTokens>(const api::ChatRequest&)> count_tokens;  // may be empty
};
Result<ChatModel> open_chat_model(const ModelFlags& flags);

// Videos are looked at in a child process.
terminal::MediaReader chat_media_reader(const VideoFlags& flags);

}  // namespace glmv::app
