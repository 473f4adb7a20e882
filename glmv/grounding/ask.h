#pragma once
// Asks a model where things are.

#include <functional>
#include <string>
#include <string_view>

#include "glmv/api/chat_backend.h"
#include "glmv/grounding/annotation.h"

namespace glmv::grounding {

struct GroundQuestion {
  std::string query;              // what to look for: "the red cup"
  bool whole = false;             // the query is the whole question
  std::string source;             // of the picture: path or data: URL
  int64_t width = 0, height = 0;  // pixels, upright
  FindOptions find;
  int retries = 1;  // of answers in pixels, which say nothing about the picture
};

struct GroundAnswer {
  Annotations annotations;
  api::ChatReply reply;
  int attempts = 0;
  bool in_pixels = false;  // also the last answer has values above 1000
};

// The question for a form of answer. `again`: says what the coordinates are relative to.
std::string question_text(const GroundQuestion& question, bool again);

// The answer of a reply, its box markers in place.
std::string answer_text(const api::ChatReply& reply);

// `request` has everything but the question: sampling, thinking, a system prompt. `on_chunk` as
// ChatBackend has it. A cancelled reply is returned as it is.
Result<GroundAnswer> ask_where(api::ChatBackend& backend, api::ChatRequest request,
                               const GroundQuestion& question, const api::OnChunk& on_chunk = {});

}  // namespace glmv::grounding
