#pragma once
// One chat turn, asked and answered, independent of who answers (in-process engine, HTTP server,
// scripted replay). JSON spellings follow OpenAI's chat completions.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/base/result.h"
#include "glmv/text/message_tokens.h"
#include "glmv/text/messages.h"

namespace glmv::api {

enum class Thinking { kAuto, kOn, kOff };
enum class ToolChoice { kAuto, kNone, kRequired, kNamed };

// A prompt that no template made: text, in which special tokens are seen, or ids.
struct RawPrompt {
  std::string text;
  std::vector<int32_t> ids;  // instead of the text, unless empty
  text::TokensInText tokens_in_text = text::TokensInText::kAll;
  bool add_special_tokens = false;  // those that the tokenizer's file puts around a text, if any
};

// What an answer must look like.
enum class ConstraintKind {
  kJsonObject,     // any JSON object; no text
  kJsonSchema,     // a JSON schema
  kRegex,          // of the whole answer
  kChoice,         // JSON list of strings
  kEbnf,           // XGrammar's notation
  kGbnf,           // llama.cpp's notation
  kStructuralTag,  // XGrammar's structural tag
};
struct Constraint {
  ConstraintKind kind = ConstraintKind::kJsonObject;
  std::string text;
  std::string field;  // of the request, for errors: "response_format.json_schema.schema"
};

struct ChatRequest {
  std::vector<text::Message> messages;
  std::optional<RawPrompt> raw_prompt;  // goes on from here; messages must be empty
  std::optional<double> temperature;    // unset fields take the checkpoint's generation_config
  std::optional<double> top_p;
  std::optional<int64_t> top_k;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  std::map<int32_t, double> logit_bias;
  std::optional<uint64_t> seed;
  std::optional<int64_t> max_tokens;
  int64_t min_tokens = 0;  // the end of a turn is not sampled before
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  bool ignore_eos = false;
  bool include_stop_string = false;  // in the output
  bool logprobs = false;
  int top_logprobs = 0;
  Thinking thinking = Thinking::kAuto;
  int64_t thinking_budget = -1;  // tokens; -1: none
  bool detect_repetition = false;
  bool drop_restated = false;
  bool keep_box_markers = false;  // in the content
  bool whole = false;             // pieces are progress only: the reply may divide them anew
  // A reply that ends by itself inside the thought that the prompt opened: the text is the answer.
  bool reclassify_open_thought = false;
  bool raw_output = false;   // all of it is content, with its tags
  int64_t max_pixels = 0;    // per picture; 0: the processor's limit
  bool read_sources = true;  // media by path or URL; false: only decoded ones are taken
  text::TokensInText tokens_in_text = text::TokensInText::kMarkers;
  bool add_generation_prompt = true;
  bool continue_final_message = false;  // the reply goes on from the last message, the assistant's
  Json template_kwargs;                 // object or null
  Json tools;                           // OpenAI's list of functions, or null
  ToolChoice tool_choice = ToolChoice::kAuto;
  std::string tool_name;            // kNamed: the only function that may be called
  bool parallel_tool_calls = true;  // false: one call at most
  int64_t priority = 0;             // lower first; of equal ones who came first
  // Set to true from any thread: the thought under way ends.
  std::shared_ptr<std::atomic<bool>> end_thinking;
  std::optional<Constraint> constraint;
  std::string cache_salt;  // prefixes are shared among requests with the same one
};

struct LogprobEntry {
  std::string token;     // its bytes, maybe only a part of a character
  int32_t token_id = 0;  // -1: the server does not tell
  float logprob = 0;
  std::vector<LogprobEntry> top;
};

// A box of the answer. Coordinates 0-1000 of the picture, and pixels of the original picture.
struct AnswerBox {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;      // 0-1000
  double px1 = 0, py1 = 0, px2 = 0, py2 = 0;  // pixels, clamped to the picture
  int image = 0;                              // index of the picture; -1: there is none
  std::string label;
  bool reordered = false, clamped = false, degenerate = false;
};

// A point of the answer (a click, a corner of a polygon), with the same two kinds of coordinates.
struct AnswerPoint {
  double x = 0, y = 0;    // 0-1000
  double px = 0, py = 0;  // pixels
  int image = 0;
  std::string label;
};

struct ChatTimings {
  double load_ms = 0, preprocess_ms = 0, queue_ms = 0, vision_ms = 0, prefill_ms = 0, decode_ms = 0;
  double time_to_first_token_ms = 0;
};

struct ChatUsage {
  int64_t prompt_tokens = 0, image_tokens = 0, completion_tokens = 0, reasoning_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, computed for an earlier request
  int64_t forced_tokens = 0;  // of the completion, put in by the thinking budget
};

struct ToolCall {
  std::string id;  // "call_..."
  std::string name;
  std::string arguments;  // JSON text, a valid object
  bool complete = true;   // false: the output ended inside
};

// A piece of a call: id and name come with the first one.
struct ToolCallDelta {
  int index = 0;
  std::string id, name;
  std::string arguments;
};

// A piece of a streamed reply. Progress events carry no text.
struct ChatChunk {
  std::string reasoning;
  std::string content;
  std::vector<ToolCallDelta> tool_calls;
  // "" | "media" (a file is read) | "pages" and "frames" (of that file) | "vision" | "prefill"
  std::string progress_phase;
  std::string progress_name;  // of the file, where a medium is read
  int64_t progress_done = 0, progress_total = 0;
  int64_t progress_cached = 0;  // of these, found in a cache
  double progress_ms = 0;       // since the request left the queue
  std::vector<LogprobEntry> logprobs;
  ChatUsage usage;  // so far; all zero where the backend does not tell
};

// The whole reply.
struct ChatReply {
  std::string reasoning;
  std::string content;  // tags removed, box contents kept
  std::vector<ToolCall> tool_calls;
  std::vector<std::string> boxed;  // contents of the final-answer boxes
  std::vector<AnswerBox> boxes;    // grounding boxes of the content
  std::vector<AnswerPoint> points;
  std::string finish_reason;   // stop | length | tool_calls | cancelled | repetition
  std::string stop_string;     // the one that ended it, if one did
  int32_t stop_token_id = -1;  // the token that ended it, not part of the output
  bool grammar_dead_end =
      false;              // with stop: the constraint let nothing follow, the answer is not whole
  bool restated = false;  // text behind the answer said it again, kept or dropped
  // The thought was never closed: its text is given as the content.
  bool reasoning_reclassified = false;
  std::vector<int32_t> prompt_ids;
  std::vector<int32_t> output_ids;  // both may be missing where a server answered
  std::vector<std::vector<int64_t>> image_grid_thw;
  std::vector<std::vector<int64_t>> video_grid_thw;
  std::vector<std::vector<int64_t>> image_sizes;  // [width, height] of each picture, pixels
  std::vector<LogprobEntry> logprobs;
  ChatUsage usage;
  ChatTimings timings;
  std::string raw_text;  // output with all tags
};

// A limit ended the output, or that it went in circles.
inline bool was_cut(const ChatReply& reply) {
  return reply.finish_reason == "length" || reply.finish_reason == "repetition";
}

}  // namespace glmv::api
