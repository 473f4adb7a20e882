#include "glmv/server/routes.h"

namespace glmv::server {

std::span<const Route> routes() {
  static constexpr Route kRoutes[] = {
      {"POST", "/v1/chat/completions", chat_completions, "answer a conversation", "ChatCompletionRequest"},
      {"POST", "/v1/chat/completions/input_tokens", count_input_tokens, "count the tokens of a conversation",
       "ChatCompletionRequest"},
      {"POST", "/v1/completions", completions, "continue a text", "CompletionRequest"},
      {"POST", "/v1/responses", responses, "answer a conversation, in the form of the Responses API",
       "ResponsesRequest"},
      {"POST", "/v1/responses/input_tokens", count_response_tokens, "count its tokens", "ResponsesRequest"},
      {"POST", "/v1/messages", messages, "answer a conversation, in Anthropic's form", "MessagesRequest", false, false,
       anthropic_error},
      {"POST", "/v1/messages/count_tokens", count_message_tokens, "count its tokens", "MessagesRequest", false, false,
       anthropic_error},
      {"POST", "/v1/requests/*/cancel", cancel_request, "end a running request"},
      {"POST", "/v1/requests/*/end_thinking", end_thinking, "end the thought of a running request"},
      {"GET", "/v1/models", list_models, "the served models"},
      {"GET", "/v1/models/*", show_model, "one of them"},
      {"POST", "/tokenize", tokenize, "tokens of a text or a conversation", "TokenizeRequest"},
      {"POST", "/detokenize", detokenize, "text of tokens", "DetokenizeRequest"},
      {"POST", "/apply-template", apply_template, "the prompt of a conversation", "ChatCompletionRequest"},
      {"GET", "/health", health, "alive", {}, true},
      {"GET", "/ready", ready, "ready for a request", {}, true},
      {"GET", "/version", version, "version of the program"},
      {"GET", "/metrics", show_metrics, "counters for Prometheus"},
      {"GET", "/load", show_load, "requests that are answered or wait"},
      {"GET", "/props", show_properties, "limits, template and defaults"},
      {"GET", "/openapi.json", show_openapi, "this description"},
      {"POST", "/api/chat", ollama_chat, "answer a conversation, in Ollama's form", "OllamaChatRequest", false, false,
       ollama_error},
      {"POST", "/api/generate", ollama_generate, "answer a prompt, in Ollama's form", "OllamaGenerateRequest",
       false, false, ollama_error},
      {"GET", "/api/tags", ollama_tags, "the served models, in Ollama's form", {}, false, false, ollama_error},
      {"GET", "/api/ps", ollama_running, "the loaded models, in Ollama's form", {}, false, false, ollama_error},
      {"POST", "/api/show", ollama_show, "one model, in Ollama's form", "OllamaShowRequest", false, false, ollama_error},
      {"GET", "/api/version", ollama_version, "version, in Ollama's form", {}, false, false, ollama_error},
      {"POST", "/v1/embeddings", no_embeddings, "not offered: 501", "Anything"},
      {"POST", "/api/embed", no_embeddings, "not offered: 501", "Anything", false, false, ollama_error},
      {"POST", "/v1/audio/transcriptions", no_audio, "not offered: 501", "Anything"},
      {"POST", "/v1/audio/speech", no_audio, "not offered: 501", "Anything"},
      {"GET", "/v1/lora_adapters", no_adapters, "not offered yet: 501"},
      {"POST", "/v1/load_lora_adapter", no_adapters, "not offered yet: 501", "Anything"},
      {"POST", "/v1/unload_lora_adapter", no_adapters, "not offered yet: 501", "Anything"},
  };
  return kRoutes;
}

}  // namespace glmv::server
