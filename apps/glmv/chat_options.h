#pragma once
// Flags shared by the commands that run a model (ask, chat, eval).

#include <optional>
#include <string>
#include <vector>

#include "apps/glmv/cli_forward.h"
#include "glmv/api/chat_types.h"
#include "glmv/runtime/engine.h"

namespace glmv::app {

struct ModelFlags {
  std::string model;
  std::string cpus;  // a list as in 0-3,8; empty: any
  runtime::EngineOptions engine;
  // Of a server as the model (load_backend.h).
  std::string api_key;
  std::string served_model;
  double server_timeout_s = 600;
  std::string ca_file;
};
void add_model_flags(CLI::App& command, ModelFlags& flags);
// For commands that take a server as the model.
void add_server_flags(CLI::App& command, ModelFlags& flags);
// Fills engine.model_dir and engine.cpus, to which it keeps the calling thread and its children.
Result<runtime::EngineOptions> engine_options(const ModelFlags& flags);

// What a server calls the model: its folder, or its GGUF file.
std::string served_name(const runtime::EngineOptions& options);
// What decides over the tokens of a reply besides the request: program, dtype and weights.
std::string system_fingerprint(const runtime::EngineOptions& options,
                               const runtime::Engine& engine);

// Of what a model thinks before it answers.
struct ThinkingFlags {
  std::string thinking = "auto";
  int64_t thinking_budget = -1;
  bool detect_repetition = false;
};
void add_thinking_flags(CLI::App& command, ThinkingFlags& flags, const std::string& group);
api::Thinking thinking_mode(const ThinkingFlags& flags);

struct ChatFlags : ThinkingFlags {
  // Unset: the checkpoint's generation_config.json.
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int64_t> top_k;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  std::optional<uint64_t> seed;
  std::optional<int64_t> max_tokens;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  std::vector<std::string> logit_bias;  // ID:BIAS
  int logprobs = -1;
  int64_t max_pixels = 0;
  bool trust_special_tokens = false;
  bool strict_text = false;
  std::string system;
  // The form of the answer, one at most.
  std::string json_schema;  // JSON, or the path of a file
  std::string regex;
  std::string choice;   // a,b,c
  std::string grammar;  // path of a file
};
CLI::Option* add_strict_text(CLI::App& command, bool& strict);
void add_chat_flags(CLI::App& command, ChatFlags& flags);
// The command line with --think=on where --think stands alone: at the end, or before another flag,
// a path or a sentence.
std::vector<std::string> with_bare_think(int argc, const char* const* argv);
// A request without messages (but for the system prompt).
Result<api::ChatRequest> chat_request(const ChatFlags& flags);

}  // namespace glmv::app
