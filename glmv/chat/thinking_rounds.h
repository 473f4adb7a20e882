#pragma once
// An answer in two rounds, as GLM-4.1V's thinking-budget benchmark makes it: a first one with a
// limit, and where that ends without an answer, the tags that end the thought and a second one.
// Source: inference/trans_infer_bench.py of zai-org/GLM-V; what it gets wrong is not done here (the
// second round sees the media, and no end of a turn stands in the middle).

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/chat/local_backend.h"

namespace glmv::chat {

// What a first round holds.
struct FirstRound {
  bool think_open = false;    // <think>, in the prompt or the output
  bool think_close = false;   // </think>
  bool answer_open = false;   // <answer>
  bool answer_close = false;  // </answer>
  bool at_limit = false;
  bool has_answer_tags = true;  // the model's family: without, the answer stands behind </think>
};

struct SecondRound {
  bool needed = false;
  std::vector<std::string_view> tags;  // that are put between the rounds
};
SecondRound plan_second_round(const FirstRound& first);

struct RoundLimits {
  int64_t first_max_tokens = 8192;
  int64_t force_max_tokens = 8192;
};

struct TwoRounds {
  std::string output_text;  // both rounds and the tags between them, with all tags
  bool complete = false;    // the answer came to its end
  int num_rounds = 1;
  std::string reasoning, answer;   // of the text, without tags
  std::vector<std::string> boxed;  // contents of the final-answer boxes
  int64_t input_length = 0, first_length = 0, tags_length = 0, second_length = 0;  // tokens
  double first_ms = 0, second_ms = 0;
  std::vector<int32_t> output_ids;  // empty where a server answered

  int64_t total_length() const { return first_length + tags_length + second_length; }
  // "first_generation_complete" | "force_completion_success" | "force_completion_incomplete".
  std::string_view reason() const;
};

// By tokens, whose ids are found by name; the second round goes on in the key/value cache of the
// first. The request's max_tokens is not used. `wanted` may be empty; false: cancelled.
Result<TwoRounds> answer_in_two_rounds(LocalBackend& backend, const api::ChatRequest& request,
                                       const RoundLimits& limits,
                                       const std::function<bool()>& wanted);

// By text, for servers: the second round continues a message of the assistant
// (continue_final_message). `has_answer_tags`: the model is a GLM-4.1V.
Result<TwoRounds> answer_in_two_rounds(api::ChatBackend& backend, const api::ChatRequest& request,
                                       const RoundLimits& limits, bool has_answer_tags,
                                       const std::function<bool()>& wanted);

}  // namespace glmv::chat
