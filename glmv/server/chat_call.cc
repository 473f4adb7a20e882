#include "glmv/server/chat_call.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "glmv/base/utf8.h"
#include "glmv/server/structured_output.h"

namespace glmv::server {
namespace {

constexpr int64_t kMaxChoices = 16;
constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopChars = 256;
constexpr int64_t kMaxTopLogprobs = 20;
constexpr double kMaxLogitBias = 100;

// A field that is there and not null.
const Json* find(const Json& body, const char* name) {
  const auto it = body.find(name);
  return it == body.end() || it->is_null() ? nullptr : &*it;
}

ApiResult<std::optional<double>> number(const Json& body, const char* name, double low, double high) {
  const Json* value = find(body, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) return bad_field(name, fmt::format("must be a number, not {}", value->type_name()));
  const double number = value->get<double>();
  if (!(number >= low && number <= high)) {
    return bad_field(name, fmt::format("is {}, it must be in [{}, {}]", number, low, high));
  }
  return number;
}

// Whole numbers; 3.0 is one.
ApiResult<std::optional<int64_t>> integer(const Json& body, const char* name, int64_t low,
                                          int64_t high) {
  const Json* value = find(body, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) return bad_field(name, fmt::format("must be a whole number, not {}", value->type_name()));
  const double number = value->get<double>();
  const bool whole = value->is_number_integer() || std::nearbyint(number) == number;
  // Numbers that no int64 holds are compared as what they are.
  if (!whole || number < double(low) || number > double(high)) {
    return bad_field(name, fmt::format("is {}, it must be a whole number in [{}, {}]", value->dump(), low, high));
  }
  return value->is_number_integer() ? value->get<int64_t>() : static_cast<int64_t>(number);
}

ApiResult<bool> boolean(const Json& body, const char* name, bool otherwise) {
  const Json* value = find(body, name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) return bad_field(name, fmt::format("must be true or false, not {}", value->type_name()));
  return value->get<bool>();
}

ApiResult<std::string> string(const Json& value, const std::string& path) {
  if (!value.is_string()) return bad_field(path, fmt::format("must be a string, not {}", value.type_name()));
  return value.get<std::string>();
}

#define GLMV_FIELD(target, expr)                                     \
  do {                                                               \
    auto field = (expr);                                             \
    if (!field) return std::unexpected(std::move(field).error());    \
    if (*field) target = **field;                                    \
  } while (false)

ApiResult<void> read_sampling(const Json& body, api::ChatRequest& request) {
  GLMV_FIELD(request.temperature, number(body, "temperature", 0, 2));
  GLMV_FIELD(request.top_p, number(body, "top_p", 0, 1));
  if (request.top_p == 0.0) return bad_field("top_p", "is 0, it must be above");
  GLMV_FIELD(request.top_k, integer(body, "top_k", -1, int64_t{1} << 31));
  if (request.top_k == -1) request.top_k = 0;
  GLMV_FIELD(request.min_p, number(body, "min_p", 0, 1));
  const char* penalty =
      find(body, "repetition_penalty") != nullptr ? "repetition_penalty" : "repeat_penalty";
  GLMV_FIELD(request.repetition_penalty, number(body, penalty, 1e-3, 1e3));
  GLMV_FIELD(request.presence_penalty, number(body, "presence_penalty", -2, 2));
  GLMV_FIELD(request.frequency_penalty, number(body, "frequency_penalty", -2, 2));
  std::optional<int64_t> seed;
  GLMV_FIELD(seed, integer(body, "seed", INT64_MIN, INT64_MAX));
  if (seed) request.seed = static_cast<uint64_t>(*seed);
  return {};
}

ApiResult<void> read_limits(const Json& body, api::ChatRequest& request) {
  const char* name =
      find(body, "max_completion_tokens") != nullptr ? "max_completion_tokens" : "max_tokens";
  GLMV_FIELD(request.max_tokens, integer(body, name, 1, INT64_MAX));
  GLMV_ASSIGN(request.ignore_eos, boolean(body, "ignore_eos", false));
  if (const Json* stop = find(body, "stop"); stop != nullptr) {
    const Json list = stop->is_array() ? *stop : Json::array({*stop});
    if (list.size() > kMaxStops) {
      return bad_field("stop", fmt::format("has {} strings, at most {} are accepted", list.size(), kMaxStops));
    }
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string path = stop->is_array() ? fmt::format("stop[{}]", i) : "stop";
      GLMV_ASSIGN(std::string text, string(list[i], path));
      if (text.empty()) return bad_field(path, "is empty: leave it out");
      if (text.size() > kMaxStopChars) {
        return bad_field(path, fmt::format("has {} bytes, at most {} are accepted", text.size(), kMaxStopChars));
      }
      request.stop.push_back(std::move(text));
    }
  }
  if (const Json* ids = find(body, "stop_token_ids"); ids != nullptr) {
    if (!ids->is_array() || ids->size() > 128) return bad_field("stop_token_ids", "must be a list of at most 128 ids");
    for (const Json& id : *ids) {
      const std::optional<int32_t> token = token_id(id);
      if (!token) return bad_field("stop_token_ids", "must hold token ids");
      request.stop_token_ids.push_back(*token);
    }
  }
  return {};
}

ApiResult<void> read_logit_bias(const Json& body, api::ChatRequest& request) {
  const Json* biases = find(body, "logit_bias");
  if (biases == nullptr) return {};
  if (!biases->is_object()) return bad_field("logit_bias", "must be an object of token ids and numbers");
  for (const auto& [key, value] : biases->items()) {
    int32_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0) {
      return bad_field("logit_bias", fmt::format("\"{}\" is no token id", key));
    }
    if (!value.is_number()) return bad_field("logit_bias", fmt::format("the bias of {} is no number", key));
    request.logit_bias[id] = std::clamp(value.get<double>(), -kMaxLogitBias, kMaxLogitBias);
  }
  return {};
}

ApiResult<void> read_logprobs(const Json& body, api::ChatRequest& request) {
  GLMV_ASSIGN(request.logprobs, boolean(body, "logprobs", false));
  std::optional<int64_t> top;
  GLMV_FIELD(top, integer(body, "top_logprobs", 0, kMaxTopLogprobs));
  if (top && !request.logprobs) return bad_field("top_logprobs", "needs \"logprobs\": true");
  request.top_logprobs = static_cast<int>(top.value_or(0));
  return {};
}

// The switches of thinking, the first that is there: chat_template_kwargs.enable_thinking,
// enable_thinking, thinking {type}, reasoning_effort.
ApiResult<void> read_thinking(const Json& body, api::ChatRequest& request) {
  const auto set = [&request](bool on) {
    request.thinking = on ? api::Thinking::kOn : api::Thinking::kOff;
  };
  bool decided = false;
  if (const Json* kwargs = find(body, "chat_template_kwargs"); kwargs != nullptr) {
    if (!kwargs->is_object()) return bad_field("chat_template_kwargs", "must be an object");
    request.template_kwargs = *kwargs;
    if (find(*kwargs, "enable_thinking") != nullptr) {
      GLMV_ASSIGN(const bool on, boolean(*kwargs, "enable_thinking", true));
      set(on);
      decided = true;
    }
  }
  if (!decided && find(body, "enable_thinking") != nullptr) {
    GLMV_ASSIGN(const bool on, boolean(body, "enable_thinking", true));
    set(on);
    decided = true;
  }
  if (const Json* thinking = find(body, "thinking"); thinking != nullptr && !decided) {
    const Json* type = thinking->is_object() ? find(*thinking, "type") : nullptr;
    if (type == nullptr || (*type != "enabled" && *type != "disabled")) {
      return bad_field("thinking", "must be {\"type\": \"enabled\"} or {\"type\": \"disabled\"}");
    }
    set(*type == "enabled");
    decided = true;
  }
  if (const Json* effort = find(body, "reasoning_effort"); effort != nullptr && !decided) {
    struct Row {
      const char* name;
      int64_t budget;
    };
    constexpr Row kEfforts[] = {{"none", 0},    {"minimal", 256}, {"low", 1024}, {"medium", 4096},
                                {"high", 16384}, {"xhigh", -1},    {"max", -1}};
    const Row* found = nullptr;
    for (const Row& row : kEfforts) {
      if (*effort == row.name) found = &row;
    }
    if (found == nullptr) {
      return bad_field("reasoning_effort", "must be one of none, minimal, low, medium, high, xhigh, max");
    }
    set(found->budget != 0);
    if (found->budget > 0) request.thinking_budget = found->budget;
  }
  std::optional<int64_t> budget;
  GLMV_FIELD(budget, integer(body, "thinking_token_budget", -1, INT64_MAX));
  if (budget) request.thinking_budget = *budget;
  return {};
}

// What is not served yet says so instead of being left out of the prompt.
ApiResult<void> refuse_unserved(const Json& body) {
  if (const Json* tools = find(body, "tools"); tools != nullptr && !(tools->is_array() && tools->empty())) {
    return bad_field("tools", "tool calls are not served yet", "unsupported_parameter");
  }
  return {};
}

// Raw HTTP with the name that the Python client gives to additional fields.
void merge_extra_body(Json& body, ChatCall& call) {
  const Json* extra = find(body, "extra_body");
  if (extra == nullptr || !extra->is_object()) return;
  const Json fields = *extra;
  body.erase("extra_body");
  for (const auto& [key, value] : fields.items()) {
    if (!body.contains(key)) body[key] = value;
  }
  call.warning = "extra_body is a name of the Python client; its fields were taken as top-level ones";
}

// A server reads no files and fetches nothing for a client: media come inside the request.
ApiResult<void> check_media(const std::vector<text::Message>& messages) {
  for (size_t m = 0; m < messages.size(); ++m) {
    for (size_t c = 0; c < messages[m].content.size(); ++c) {
      const text::ContentPart& part = messages[m].content[c];
      std::vector<std::string> sources = part.frames;
      if (part.kind != text::PartKind::kText && part.frames.empty()) sources.push_back(part.source);
      for (const std::string& source : sources) {
        if (source.starts_with("data:")) continue;
        ApiError error{422, "media_not_allowed",
                       "pictures are taken as data: URLs only; paths and remote URLs are not allowed",
                       fmt::format("messages[{}].content[{}]", m, c), 0};
        return std::unexpected(std::move(error));
      }
    }
  }
  return {};
}

}  // namespace

ApiResult<ChatCall> parse_chat_call(Json body) {
  ChatCall call;
  merge_extra_body(body, call);
  if (const Json* model = find(body, "model"); model != nullptr) {
    GLMV_ASSIGN(call.model, string(*model, "model"));
  }
  const Json* messages = find(body, "messages");
  if (messages == nullptr) return bad_field("messages", "is missing");
  if (messages->is_array() && messages->empty()) return bad_field("messages", "is empty");
  auto parsed = text::parse_messages(*messages);
  if (!parsed) return std::unexpected(to_api_error(parsed.error()));
  call.request.messages = std::move(*parsed);
  GLMV_RETURN_IF_ERROR(check_media(call.request.messages));
  GLMV_RETURN_IF_ERROR(refuse_unserved(body));
  GLMV_RETURN_IF_ERROR(read_sampling(body, call.request));
  GLMV_RETURN_IF_ERROR(read_limits(body, call.request));
  GLMV_RETURN_IF_ERROR(read_logit_bias(body, call.request));
  GLMV_RETURN_IF_ERROR(read_logprobs(body, call.request));
  GLMV_RETURN_IF_ERROR(read_thinking(body, call.request));
  GLMV_ASSIGN(call.request.constraint, read_structured_output(body));
  std::optional<int64_t> n;
  GLMV_FIELD(n, integer(body, "n", 1, kMaxChoices));
  call.n = static_cast<int>(n.value_or(1));
  if (call.n > 1 && call.request.temperature == 0.0) {
    return bad_field("n", "must be 1 at temperature 0: all choices would be the same");
  }
  GLMV_ASSIGN(call.stream, boolean(body, "stream", false));
  GLMV_ASSIGN(call.include_reasoning, boolean(body, "include_reasoning", true));
  if (const Json* options = find(body, "stream_options"); options != nullptr) {
    if (!call.stream) return bad_field("stream_options", "needs \"stream\": true");
    if (!options->is_object()) return bad_field("stream_options", "must be an object");
    GLMV_ASSIGN(call.include_usage, boolean(*options, "include_usage", false));
  }
  return call;
}

}  // namespace glmv::server
