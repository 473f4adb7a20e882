#include "glmv/server/batch_line.h"

#include "glmv/server/api_error.h"

namespace glmv::server {
namespace {

constexpr size_t kMaxIdBytes = 512;

// A member of an object that is there and a string.
const std::string* text_of(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? &it->get_ref<const std::string&>() : nullptr;
}

std::string read_request(const Json& json, BatchLine& line) {
  const std::string* id = text_of(json, "custom_id");
  if (id == nullptr || id->empty() || id->size() > kMaxIdBytes) {
    return fmt::format("custom_id must be a string of 1 to {} bytes", kMaxIdBytes);
  }
  line.custom_id = *id;
  const std::string* method = text_of(json, "method");
  if (method == nullptr || *method != "POST") return "method must be \"POST\"";
  const std::string* url = text_of(json, "url");
  if (url == nullptr || !url->starts_with('/')) {
    return "url must be a path of the server, as \"/v1/chat/completions\"";
  }
  const auto body = json.find("body");
  if (body == json.end() || !body->is_object()) return "body must be an object, the request";
  if (const auto stream = body->find("stream"); stream != body->end() && *stream == true) {
    return "body.stream must be false: a batch has whole answers only";
  }
  line.request.method = *method;
  line.request.path = *url;
  line.request.body = wire_text(*body);
  line.request.headers = {{"Host", "localhost"}, {"Content-Type", "application/json"}};
  line.request.peer = "batch";
  return {};
}

}  // namespace

BatchLine parse_batch_line(std::string_view text, int64_t number) {
  BatchLine line{.number = number};
  const auto json = parse_json(text, fmt::format("line {}", number));
  line.error = !json               ? json.error().message
               : json->is_object() ? read_request(*json, line)
                                   : "the line must be a JSON object";
  if (!line.error.empty()) line.error_code = json ? "invalid_request" : "invalid_json";
  return line;
}

Json answer_json(const std::string& custom_id, int status, const std::string& request_id,
                 const std::string& body) {
  auto json = parse_json(body, "the answer");
  return {
      {"id", "batch_req_" + request_id},
      {"custom_id", custom_id},
      {"response",
       {{"status_code", status}, {"request_id", request_id}, {"body", json ? *json : Json(body)}}},
      {"error", nullptr}};
}

Json bad_line_json(const BatchLine& line) {
  return {{"id", fmt::format("batch_req_line_{}", line.number)},
          {"custom_id", line.custom_id.empty() ? Json() : Json(line.custom_id)},
          {"response", nullptr},
          {"error", {{"code", line.error_code}, {"message", line.error}, {"line", line.number}}}};
}

std::optional<int64_t> done_line(const Json& answer) {
  const auto error = answer.find("error");
  if (error == answer.end() || !error->is_object()) return std::nullopt;
  const auto line = error->find("line");
  if (line == error->end() || !line->is_number_integer()) return std::nullopt;
  return line->get<int64_t>();
}

void add_usage(const Json& answer, int64_t& prompt_tokens, int64_t& completion_tokens) {
  const Json& body = answer["response"]["body"];
  const auto usage = body.is_object() ? body.find("usage") : body.end();
  if (usage == body.end() || !usage->is_object()) return;
  const auto add = [&](const char* name, int64_t& sum) {
    const auto it = usage->find(name);
    if (it != usage->end() && it->is_number_integer()) sum += it->get<int64_t>();
  };
  add("prompt_tokens", prompt_tokens);
  add("completion_tokens", completion_tokens);
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == line.npos; }

}  // namespace glmv::server
