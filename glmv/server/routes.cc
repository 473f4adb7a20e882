#include "glmv/server/routes.h"

namespace glmv::server {

std::span<const Route> routes() {
  static constexpr Route kRoutes[] = {
      {"POST", "/v1/chat/completions", chat_completions},
      {"POST", "/v1/completions", completions},
      {"POST", "/v1/responses", responses},
      {"POST", "/v1/responses/input_tokens", count_response_tokens},
      {"POST", "/v1/messages", messages, false, anthropic_error},
      {"POST", "/v1/messages/count_tokens", count_message_tokens, false, anthropic_error},
      {"POST", "/v1/chat/completions/input_tokens", count_input_tokens},
      {"POST", "/v1/requests/*/cancel", cancel_request},
      {"POST", "/v1/requests/*/end_thinking", end_thinking},
      {"POST", "/tokenize", tokenize},
      {"POST", "/detokenize", detokenize},
      {"POST", "/apply-template", apply_template},
      {"GET", "/v1/models", list_models},
      {"GET", "/v1/models/*", show_model},
      {"GET", "/health", health, true},
      {"GET", "/ready", ready, true},
      {"GET", "/version", version},
      {"GET", "/metrics", show_metrics},
      {"GET", "/load", show_load},
      {"GET", "/props", show_properties},
      {"POST", "/api/chat", ollama_chat, false, ollama_error},
      {"POST", "/api/generate", ollama_generate, false, ollama_error},
      {"GET", "/api/tags", ollama_tags, false, ollama_error},
      {"GET", "/api/ps", ollama_running, false, ollama_error},
      {"POST", "/api/show", ollama_show, false, ollama_error},
      {"GET", "/api/version", ollama_version, false, ollama_error},
      {"POST", "/v1/embeddings", no_embeddings},
      {"POST", "/api/embed", no_embeddings, false, ollama_error},
      {"POST", "/v1/audio/transcriptions", no_audio},
      {"POST", "/v1/audio/speech", no_audio},
      {"GET", "/v1/lora_adapters", no_adapters},
      {"POST", "/v1/load_lora_adapter", no_adapters},
      {"POST", "/v1/unload_lora_adapter", no_adapters},
  };
  return kRoutes;
}

}  // namespace glmv::server
