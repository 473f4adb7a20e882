#pragma once
// A ChatBackend over HTTP: any server that speaks OpenAI's chat completions (glmv, vLLM, SGLang,
// llama.cpp, hosted ones).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "glmv/api/chat_backend.h"
#include "glmv/base/json.h"
#include "glmv/media/picture_decoder.h"

namespace glmv::api {

struct ChatClientOptions {
  std::string base_url;           // "http://127.0.0.1:8000/v1"; without a path: "/v1" is meant
  std::string model;              // empty: the first one that the server lists
  std::string api_key;            // empty: none is sent
  double timeout_s = 600;         // that may pass without a byte from the server
  double connect_timeout_s = 10;  // for name, connection and TLS
  std::string ca_file;            // PEM of who vouches for the server; empty: the system's
  size_t max_media_bytes = size_t{180} << 20;  // of one picture or video file
  // Who looks at pictures before they are sent; null: this process.
  std::shared_ptr<media::PictureDecoder> pictures;
};

enum class ServerKind { kOther, kGlmv, kVllm, kSglang, kLlamaCpp };

// What a server says of the model it serves.
struct ServerModel {
  std::string name;
  ServerKind kind = ServerKind::kOther;
  int64_t max_context_tokens = 0;  // 0: it does not say
  Json video_processor;            // how it takes videos (video_rule_json()); null: it does not say
};

// "http://" or "https://": a server and no folder.
bool is_server_url(std::string_view text);

// Asks GET /models. Errors: invalid_argument (URL; a key is missing or wrong), not_found (no such
// model; no list), unavailable (no connection, TLS, time-out, an answer that is no JSON).
Result<ServerModel> ask_server_model(const ChatClientOptions& options);

// Asks for the model first: errors as ask_server_model(), but a server without a list is taken when
// `model` is given. The backend is thread-safe.
// - Media by path, data: URL or as pixels are sent as data: URLs; http(s) URLs go as they are, for
//   the server to fetch by its rules. Parts of video files (times, rate, number of frames) need a
//   glmv server; else: unsupported.
// - Answers are streamed whatever the caller wants. Thoughts, tags and box markers that a server
//   leaves in the text are taken out here; boxes are read here. Ids of tokens are there only if the
//   server gives them; raw_text is put together from thought and answer.
// - Errors of chat(): what the server says, in its words, by its status: 400 and 401, 403
//   invalid_argument, 404 not_found, 413 and 429 resource_exhausted, 422 unsupported, all others
//   unavailable; unavailable also for lost connections, silence, TLS, and answers that are no
//   events or no JSON. What came before an error was handed to `on_chunk` piece by piece.
// - A callback that says no closes the connection at once, also while no byte arrives.
Result<std::unique_ptr<ChatBackend>> make_chat_client(const ChatClientOptions& options);

}  // namespace glmv::api
