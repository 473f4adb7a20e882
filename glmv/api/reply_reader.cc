#include "glmv/api/reply_reader.h"

#include <algorithm>

#include "glmv/base/utf8.h"
#include "glmv/parsers/answer.h"

namespace glmv::api {
namespace {

constexpr size_t kMaxErrorChars = 500;
constexpr int kMaxCalls = 1000;

const Json* find(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

// "" where it is no string.
std::string text_of(const Json& object, std::string_view name) {
  const Json* const field = find(object, name);
  return field != nullptr && field->is_string() ? field->get<std::string>() : std::string();
}

double number_of(const Json& object, std::string_view name) {
  const Json* const field = find(object, name);
  return field != nullptr && field->is_number() ? field->get<double>() : 0;
}

int64_t count_of(const Json& object, std::string_view name) {
  const double number = number_of(object, name);
  return number >= 0 && number < 1e15 ? static_cast<int64_t>(number) : 0;
}

bool is_true(const Json& object, std::string_view name) {
  const Json* const field = find(object, name);
  return field != nullptr && *field == true;
}

std::string shortened(std::string text) {
  text = repair_utf8(text);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  if (text.size() <= kMaxErrorChars) return text;
  size_t end = kMaxErrorChars;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

// {"error": {"message"}}, {"error": "..."}, {"message"}, {"detail"}: whatever there is.
std::string error_text(const Json& body) {
  if (const Json* const error = find(body, "error"); error != nullptr) {
    if (error->is_string()) return error->get<std::string>();
    if (std::string text = text_of(*error, "message"); !text.empty()) return text;
    return error->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  if (std::string text = text_of(body, "message"); !text.empty()) return text;
  if (const Json* const detail = find(body, "detail"); detail != nullptr) {
    if (detail->is_string()) return detail->get<std::string>();
    return detail->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return {};
}

Code code_of(int status) {
  switch (status) {
    case 400:
    case 401:
    case 403:
      return Code::kInvalidArgument;
    case 404:
      return Code::kNotFound;
    case 413:
    case 429:
      return Code::kResourceExhausted;
    case 422:
      return Code::kUnsupported;
    default:
      return Code::kUnavailable;
  }
}

parsers::ReasoningOptions parsing(const ChatRequest& request, ServerKind kind) {
  if (request.raw_output) return {.tags = {}};
  parsers::ReasoningOptions options{.drop_restated = request.drop_restated,
                                    .keep_box_markers = request.keep_box_markers};
  if (kind == ServerKind::kGlmv) {
    options.tags = parsers::OutputTags::boxes_only();
    options.start = parsers::StartState::kContent;
    options.rules.trims = false;
  }
  return options;
}

LogprobEntry logprob_entry(const Json& json) {
  LogprobEntry entry{.token = text_of(json, "token"), .token_id = -1};
  const Json* const bytes = find(json, "bytes");
  if (bytes != nullptr && bytes->is_array()) {
    entry.token.clear();
    for (const Json& byte : *bytes) {
      const int64_t value = byte.is_number_integer() ? byte.get<int64_t>() : -1;
      if (value >= 0 && value < 256) entry.token += static_cast<char>(value);
    }
  }
  entry.logprob = static_cast<float>(number_of(json, "logprob"));
  return entry;
}

void append_ids(const Json* list, std::vector<int32_t>& ids) {
  if (list == nullptr || !list->is_array()) return;
  for (const Json& id : *list) {
    if (id.is_number_integer()) ids.push_back(id.get<int32_t>());
  }
}

}  // namespace

Status server_error(int status, std::string_view body) {
  const auto json = Json::parse(body, nullptr, false);
  std::string text = json.is_discarded() ? std::string() : error_text(json);
  if (status == 0) {
    const Json* const error = find(json, "error");
    const Json* const code = error == nullptr ? nullptr : find(*error, "code");
    if (code != nullptr && code->is_number_integer()) status = code->get<int>();
  }
  if (text.empty()) text = std::string(body);
  text = shortened(std::move(text));
  if (text.empty()) text = "nothing";
  std::string message = status == 0 ? fmt::format("the server says: {}", text)
                                    : fmt::format("the server says {}: {}", status, text);
  if (status == 401 || status == 403) {
    message += " (the key comes from --api-key, GLMV_API_KEY or OPENAI_API_KEY)";
  }
  return {code_of(status), std::move(message)};
}

ReplyReader::ReplyReader(const ChatRequest& request, ServerKind kind)
    : parser_(parsing(request, kind)) {}

Result<ChatChunk> ReplyReader::read(const Json& chunk) {
  if (find(chunk, "error") != nullptr || text_of(chunk, "object") == "error") {
    return std::unexpected(
        server_error(0, chunk.dump(-1, ' ', false, Json::error_handler_t::replace)));
  }
  ChatChunk out;
  const Json* const choices = find(chunk, "choices");
  if (choices != nullptr && choices->is_array()) {
    for (const Json& choice : *choices) {
      if (count_of(choice, "index") == 0) read_choice(choice, out);
    }
  }
  if (const Json* const progress = find(chunk, "prompt_progress"); progress != nullptr) {
    const std::string phase = text_of(*progress, "phase");
    out.progress_phase = phase == "vision" ? "vision" : "prefill";
    out.progress_done = count_of(*progress, "processed");
    out.progress_total = count_of(*progress, "total");
    out.progress_cached = count_of(*progress, "cache");
    out.progress_ms = static_cast<double>(count_of(*progress, "time_ms"));
  }
  if (reply_.prompt_ids.empty()) append_ids(find(chunk, "prompt_token_ids"), reply_.prompt_ids);
  if (const Json* const usage = find(chunk, "usage"); usage != nullptr) read_usage(*usage);
  if (const Json* const timings = find(chunk, "timings"); timings != nullptr) {
    read_timings(*timings);
  }
  return out;
}

void ReplyReader::read_choice(const Json& choice, ChatChunk& out) {
  const Json* delta = find(choice, "delta");
  if (delta == nullptr) delta = find(choice, "message");
  if (delta != nullptr) read_delta(*delta, out);
  const Json* const logprobs = find(choice, "logprobs");
  const Json* const list = logprobs == nullptr ? nullptr : find(*logprobs, "content");
  if (list != nullptr && list->is_array()) read_logprobs(*list, out);
  append_ids(find(choice, "token_ids"), reply_.output_ids);
  read_ending(choice);
}

void ReplyReader::read_delta(const Json& delta, ChatChunk& out) {
  std::string reasoning = text_of(delta, "reasoning_content");
  if (reasoning.empty()) reasoning = text_of(delta, "reasoning");
  const std::string content = text_of(delta, "content");
  const Json* const calls = find(delta, "tool_calls");
  if (!reasoning.empty() || !content.empty() || calls != nullptr) ++num_pieces_;
  reasoning_ += reasoning;
  out.reasoning += reasoning;
  if (!content.empty()) add(parser_.feed(content), out);
  if (calls != nullptr && calls->is_array()) read_calls(*calls, out);
}

void ReplyReader::add(parsers::ReasoningDelta delta, ChatChunk& out) {
  out.reasoning += delta.reasoning;
  out.content += delta.content;
}

void ReplyReader::read_calls(const Json& calls, ChatChunk& out) {
  for (size_t i = 0; i < calls.size(); ++i) {
    const Json& call = calls[i];
    const Json* const number = find(call, "index");
    const auto index = number == nullptr ? std::ssize(reply_.tool_calls) : count_of(call, "index");
    // Calls come one after the other.
    if (index > std::ssize(reply_.tool_calls) || index >= kMaxCalls) continue;
    if (index == std::ssize(reply_.tool_calls)) reply_.tool_calls.emplace_back();
    ToolCall& target = reply_.tool_calls[static_cast<size_t>(index)];
    const Json* const function = find(call, "function");
    ToolCallDelta delta{.index = static_cast<int>(index), .id = text_of(call, "id")};
    if (function != nullptr) {
      delta.name = text_of(*function, "name");
      delta.arguments = text_of(*function, "arguments");
    }
    if (target.id.empty()) target.id = delta.id;
    target.name += delta.name;
    target.arguments += delta.arguments;
    out.tool_calls.push_back(std::move(delta));
  }
}

void ReplyReader::read_logprobs(const Json& list, ChatChunk& out) {
  for (const Json& json : list) {
    LogprobEntry entry = logprob_entry(json);
    const Json* const top = find(json, "top_logprobs");
    if (top != nullptr && top->is_array()) {
      for (const Json& other : *top) entry.top.push_back(logprob_entry(other));
    }
    reply_.logprobs.push_back(entry);
    out.logprobs.push_back(std::move(entry));
  }
}

void ReplyReader::read_ending(const Json& choice) {
  if (const std::string finish = text_of(choice, "finish_reason"); !finish.empty()) {
    finish_reason_ = finish == "abort" ? "cancelled" : finish;
  }
  if (const Json* const reason = find(choice, "stop_reason"); reason != nullptr) {
    if (reason->is_number_integer()) reply_.stop_token_id = reason->get<int32_t>();
    if (*reason == "repetition") {
      finish_reason_ = "repetition";
    } else if (*reason == "cancelled") {
      finish_reason_ = "cancelled";
    } else if (reason->is_string()) {
      reply_.stop_string = reason->get<std::string>();
    }
  }
  if (is_true(choice, "x_repetition")) finish_reason_ = "repetition";
  reply_.grammar_dead_end |= is_true(choice, "x_grammar_dead_end");
  reply_.restated |= is_true(choice, "x_restated");
  reply_.reasoning_reclassified |= is_true(choice, "x_reasoning_reclassified");
}

void ReplyReader::read_usage(const Json& usage) {
  if (!usage.is_object()) return;
  has_usage_ = true;
  reply_.usage.prompt_tokens = count_of(usage, "prompt_tokens");
  reply_.usage.completion_tokens = count_of(usage, "completion_tokens");
  if (const Json* const details = find(usage, "prompt_tokens_details"); details != nullptr) {
    reply_.usage.cached_tokens = count_of(*details, "cached_tokens");
    reply_.usage.image_tokens = count_of(*details, "image_tokens");
  }
  if (const Json* const details = find(usage, "completion_tokens_details"); details != nullptr) {
    reply_.usage.reasoning_tokens = count_of(*details, "reasoning_tokens");
  }
}

void ReplyReader::read_timings(const Json& timings) {
  ChatTimings& out = reply_.timings;
  out.queue_ms = number_of(timings, "queue_ms");
  out.vision_ms = number_of(timings, "vision_ms");
  out.prefill_ms = number_of(timings, "prompt_ms");
  out.decode_ms = number_of(timings, "predicted_ms");
  out.time_to_first_token_ms = number_of(timings, "time_to_first_token_ms");
}

ChatChunk ReplyReader::finish() {
  ChatChunk out;
  add(parser_.finish(), out);
  return out;
}

ChatReply ReplyReader::reply() const {
  ChatReply reply = reply_;
  parsers::ReasoningResult result = parser_.result();
  reply.boxed = parsers::extract_boxed(result.marked_content);
  reply.reasoning = reasoning_ + result.reasoning;
  reply.content = std::move(result.content);
  reply.restated |= result.restated;
  reply.raw_text = reply.reasoning.empty()
                       ? result.marked_content
                       : "<think>" + reply.reasoning + "</think>" + result.marked_content;
  reply.finish_reason = finish_reason_.empty() ? "stop" : finish_reason_;
  // A count of what came, where the server gives none.
  if (!has_usage_) reply.usage.completion_tokens = num_pieces_;
  for (ToolCall& call : reply.tool_calls) {
    call.complete = reply.finish_reason != "length" && reply.finish_reason != "cancelled";
  }
  return reply;
}

}  // namespace glmv::api
