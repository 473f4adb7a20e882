#pragma once
// Flags shared by the commands that run a model (ask, chat, eval).

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "glmv/api/chat_types.h"
#include "glmv/runtime/engine.h"

namespace glmv::app {

struct ModelFlags {
  std::string model;
  runtime::EngineOptions engine;
};
void add_model_flags(CLI::App& command, ModelFlags& flags);
// Fills engine.model_dir.
Result<runtime::EngineOptions> engine_options(const ModelFlags& flags);

struct ChatFlags {
  double temperature = -1;  // negative: the checkpoint's
  double top_p = -1;
  int64_t top_k = -1;
  double min_p = -1;
  double repetition_penalty = -1;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  int64_t seed = -1;
  int64_t max_tokens = -1;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  std::vector<std::string> logit_bias;  // ID:BIAS
  int logprobs = -1;
  std::string thinking = "auto";
  int64_t thinking_budget = -1;
  bool detect_repetition = false;
  int64_t max_pixels = 0;
  bool trust_special_tokens = false;
  std::string system;
};
void add_chat_flags(CLI::App& command, ChatFlags& flags);
// A request without messages (but for the system prompt).
Result<api::ChatRequest> chat_request(const ChatFlags& flags);

}  // namespace glmv::app
