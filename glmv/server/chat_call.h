#pragma once
// The body of POST /v1/chat/completions as a request of a backend, and what other endpoints share
// with it.

#include <cstdint>
#include <optional>
#include <string>

#include "glmv/api/chat_types.h"
#include "glmv/server/api_error.h"

namespace glmv::server {

// What the server decides over requests: what fields that they leave out become, and what is too
// much.
struct CallRules {
  api::Thinking thinking = api::Thinking::kAuto;
  int64_t thinking_budget = -1;  // tokens; -1: none
  bool detect_repetition = false;
  bool raw_output = false;  // reasoning_format "none"
  bool keep_box_markers = false;
  int64_t max_tokens = INT64_MAX;  // that a client may ask for: the model's context
};

// How a reply is to be sent.
struct Delivery {
  std::string model;  // as the client wrote it; empty: the served one
  int n = 1;
  bool stream = false;
  bool include_usage = false;
  bool continuous_usage = false;  // in every chunk; with include_usage
  std::string warning;            // for the header x-glmv-warning
};

struct ChatCall : Delivery {
  api::ChatRequest request;
  bool include_reasoning = true;
  bool return_progress = false;
  bool return_token_ids = false;
};

// The media of the request are still sources, which no backend reads: Server::load_media.
// `body`: an object (parse_body). Checks every field that it knows; others are ignored, as clients
// send many. Errors name the field.
ApiResult<ChatCall> parse_chat_call(Json body, const CallRules& rules = {});

// Sampling, limits, stops, biases, priority and salt.
ApiResult<void> read_generation(const Json& body, const CallRules& rules,
                                api::ChatRequest& request);
// model, n, stream and stream_options.
ApiResult<void> read_delivery(const Json& body, std::optional<double> temperature,
                              Delivery& delivery);

}  // namespace glmv::server
