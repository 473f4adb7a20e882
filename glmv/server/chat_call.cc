#include "glmv/server/chat_call.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "glmv/base/utf8.h"
#include "glmv/server/fields.h"
#include "glmv/server/structured_output.h"
#include "glmv/server/tool_fields.h"

namespace glmv::server {
namespace {

constexpr int64_t kMaxChoices = 16;
constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopChars = 256;
constexpr int64_t kMaxTopLogprobs = 20;
constexpr double kMaxLogitBias = 100;
constexpr size_t kMaxSaltBytes = 128;

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

ApiResult<void> read_limits(const Json& body, const CallRules& rules, api::ChatRequest& request) {
  const char* name =
      find(body, "max_completion_tokens") != nullptr ? "max_completion_tokens" : "max_tokens";
  GLMV_FIELD(request.max_tokens, integer(body, name, 1, INT64_MAX));
  if (request.max_tokens > rules.max_tokens) {
    return bad_field(
        name, fmt::format("is {}, and the model's context has {} tokens (max_model_len): ask for "
                          "less, or leave it out",
                          *request.max_tokens, rules.max_tokens));
  }
  std::optional<int64_t> min_tokens;
  GLMV_FIELD(min_tokens, integer(body, "min_tokens", 0, INT32_MAX));
  request.min_tokens = min_tokens.value_or(0);
  if (request.max_tokens && request.min_tokens > *request.max_tokens) {
    return bad_field("min_tokens", fmt::format("is {}, above {}", request.min_tokens, name));
  }
  GLMV_ASSIGN(request.ignore_eos, boolean(body, "ignore_eos", false));
  GLMV_ASSIGN(request.include_stop_string, boolean(body, "include_stop_str_in_output", false));
  if (const Json* stop = find(body, "stop"); stop != nullptr) {
    const Json list = stop->is_array() ? *stop : Json::array({*stop});
    if (list.size() > kMaxStops) {
      return bad_field(
          "stop", fmt::format("has {} strings, at most {} are accepted", list.size(), kMaxStops));
    }
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string path = stop->is_array() ? fmt::format("stop[{}]", i) : "stop";
      GLMV_ASSIGN(std::string text, string(list[i], path));
      if (text.empty()) return bad_field(path, "is empty: leave it out");
      if (count_code_points(text) > kMaxStopChars) {
        return bad_field(path, fmt::format("has {} characters, at most {} are accepted",
                                           count_code_points(text), kMaxStopChars));
      }
      request.stop.push_back(std::move(text));
    }
  }
  if (const Json* ids = find(body, "stop_token_ids"); ids != nullptr) {
    if (!ids->is_array() || ids->size() > 128)
      return bad_field("stop_token_ids", "must be a list of at most 128 ids");
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
  if (!biases->is_object())
    return bad_field("logit_bias", "must be an object of token ids and numbers");
  for (const auto& [key, value] : biases->items()) {
    int32_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0) {
      return bad_field("logit_bias", fmt::format("\"{}\" is no token id", key));
    }
    if (!value.is_number())
      return bad_field("logit_bias", fmt::format("the bias of {} is no number", key));
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
// enable_thinking, thinking {type}, reasoning_effort, the server's default.
ApiResult<void> read_thinking(const Json& body, const CallRules& rules, api::ChatRequest& request) {
  request.thinking = rules.thinking;
  request.thinking_budget = rules.thinking_budget;
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
    constexpr Row kEfforts[] = {{"none", 0},     {"minimal", 256}, {"low", 1024}, {"medium", 4096},
                                {"high", 16384}, {"xhigh", -1},    {"max", -1}};
    const Row* found = nullptr;
    for (const Row& row : kEfforts) {
      if (*effort == row.name) found = &row;
    }
    if (found == nullptr) {
      return bad_field("reasoning_effort",
                       "must be one of none, minimal, low, medium, high, xhigh, max");
    }
    set(found->budget != 0);
    if (found->budget != 0) request.thinking_budget = found->budget;
  }
  std::optional<int64_t> budget;
  GLMV_FIELD(budget, integer(body, "thinking_token_budget", -1, INT64_MAX));
  if (budget) request.thinking_budget = *budget;
  return {};
}

// Of what others let clients set on the processor, what only lowers a limit.
ApiResult<void> read_processor_options(const Json& body, api::ChatRequest& request) {
  const Json* options = find(body, "mm_processor_kwargs");
  if (options == nullptr) return {};
  if (!options->is_object()) return bad_field("mm_processor_kwargs", "must be an object");
  for (const auto& [key, value] : options->items()) {
    if (key != "max_pixels") {
      return bad_field("mm_processor_kwargs", "only max_pixels is taken", "unsupported_parameter");
    }
  }
  auto limit = integer(*options, "max_pixels", 1, int64_t{1} << 40);
  if (!limit) return bad_field("mm_processor_kwargs", limit.error().message);
  request.max_pixels = limit->value_or(0);
  return {};
}

// How the reply is cut into thought, answer and markers.
ApiResult<void> read_form(const Json& body, const CallRules& rules, ChatCall& call) {
  api::ChatRequest& request = call.request;
  request.keep_box_markers = rules.keep_box_markers;
  request.raw_output = rules.raw_output;
  request.reclassify_open_thought = true;
  GLMV_ASSIGN(call.include_reasoning, boolean(body, "include_reasoning", true));
  if (const Json* boxes = find(body, "box_markers"); boxes != nullptr) {
    if (*boxes != "keep" && *boxes != "remove") {
      return bad_field("box_markers", "must be \"keep\" or \"remove\"");
    }
    request.keep_box_markers = *boxes == "keep";
  }
  if (const Json* format = find(body, "reasoning_format"); format != nullptr) {
    if (*format != "auto" && *format != "none" && *format != "deepseek") {
      return bad_field("reasoning_format", "must be \"auto\", or \"none\" for the raw text");
    }
    request.raw_output = *format == "none";
  }
  GLMV_ASSIGN(request.add_generation_prompt, boolean(body, "add_generation_prompt", true));
  GLMV_ASSIGN(request.continue_final_message, boolean(body, "continue_final_message", false));
  if (request.continue_final_message && request.messages.back().role != "assistant") {
    return bad_field("continue_final_message", "needs a last message of the assistant");
  }
  GLMV_ASSIGN(request.detect_repetition,
              boolean(body, "detect_repetition", rules.detect_repetition));
  GLMV_ASSIGN(request.drop_restated, boolean(body, "drop_restated", false));
  GLMV_ASSIGN(call.return_progress, boolean(body, "return_progress", false));
  GLMV_ASSIGN(call.return_token_ids, boolean(body, "return_token_ids", false));
  return {};
}

ApiResult<void> read_scheduling(const Json& body, api::ChatRequest& request) {
  std::optional<int64_t> priority;
  GLMV_FIELD(priority, integer(body, "priority", INT32_MIN, INT32_MAX));
  request.priority = priority.value_or(0);
  if (const Json* salt = find(body, "cache_salt"); salt != nullptr) {
    GLMV_ASSIGN(request.cache_salt, string(*salt, "cache_salt"));
    if (request.cache_salt.size() > kMaxSaltBytes ||
        request.cache_salt.find_first_of(std::string_view("@/\\\0", 4)) != std::string::npos) {
      return bad_field("cache_salt", "must have at most 128 bytes, none of them @ / \\ or NUL");
    }
  }
  return {};
}

// Raw HTTP with the name that the Python client gives to additional fields.
void merge_extra_body(Json& body, Delivery& call) {
  const Json* extra = find(body, "extra_body");
  if (extra == nullptr || !extra->is_object()) return;
  const Json fields = *extra;
  body.erase("extra_body");
  for (const auto& [key, value] : fields.items()) {
    if (!body.contains(key)) body[key] = value;
  }
  call.warning =
      "extra_body is a name of the Python client; its fields were taken as top-level ones";
}

}  // namespace

ApiResult<void> read_generation(const Json& body, const CallRules& rules,
                                api::ChatRequest& request) {
  GLMV_RETURN_IF_ERROR(read_sampling(body, request));
  GLMV_RETURN_IF_ERROR(read_limits(body, rules, request));
  GLMV_RETURN_IF_ERROR(read_logit_bias(body, request));
  return read_scheduling(body, request);
}

ApiResult<void> read_delivery(const Json& body, std::optional<double> temperature,
                              Delivery& delivery) {
  if (const Json* model = find(body, "model"); model != nullptr) {
    GLMV_ASSIGN(delivery.model, string(*model, "model"));
  }
  std::optional<int64_t> n;
  GLMV_FIELD(n, integer(body, "n", 1, kMaxChoices));
  delivery.n = static_cast<int>(n.value_or(1));
  if (delivery.n > 1 && temperature == 0.0) {
    return bad_field("n", "must be 1 at temperature 0: all choices would be the same");
  }
  GLMV_ASSIGN(delivery.stream, boolean(body, "stream", false));
  if (const Json* options = find(body, "stream_options"); options != nullptr) {
    if (!delivery.stream) return bad_field("stream_options", "needs \"stream\": true");
    if (!options->is_object()) return bad_field("stream_options", "must be an object");
    GLMV_ASSIGN(delivery.include_usage, boolean(*options, "include_usage", false));
    GLMV_ASSIGN(delivery.continuous_usage, boolean(*options, "continuous_usage_stats", false));
  }
  return {};
}

ApiResult<ChatCall> parse_chat_call(Json body, const CallRules& rules) {
  ChatCall call;
  merge_extra_body(body, call);
  const Json* messages = find(body, "messages");
  if (messages == nullptr) return bad_field("messages", "is missing");
  if (messages->is_array() && messages->empty()) return bad_field("messages", "is empty");
  auto parsed = text::parse_messages(*messages);
  if (!parsed) return std::unexpected(to_api_error(parsed.error()));
  call.request.messages = std::move(*parsed);
  call.request.read_sources = false;  // Server::load_media does, under its rules
  GLMV_RETURN_IF_ERROR(read_tools(body, call.request));
  GLMV_RETURN_IF_ERROR(read_generation(body, rules, call.request));
  GLMV_RETURN_IF_ERROR(read_logprobs(body, call.request));
  GLMV_RETURN_IF_ERROR(read_thinking(body, rules, call.request));
  GLMV_ASSIGN(call.request.constraint, read_structured_output(body));
  GLMV_RETURN_IF_ERROR(read_processor_options(body, call.request));
  GLMV_RETURN_IF_ERROR(read_form(body, rules, call));
  GLMV_RETURN_IF_ERROR(read_delivery(body, call.request.temperature, call));
  return call;
}

}  // namespace glmv::server
