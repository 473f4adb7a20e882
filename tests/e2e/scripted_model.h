#pragma once
// A server that speaks as much of OpenAI's chat completions as our client asks for and answers what
// a test says.

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "glmv/base/json.h"
#include "glmv/net/scripted_server_for_test.h"

namespace glmv::e2e {

inline std::string http_answer(const std::string& status, const std::string& headers,
                               const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

class ScriptedModel {
 public:
  // The text of the answer to the body of a request; `number` counts from 0.
  using Answer = std::function<std::string(int number, const Json& body)>;

  // `about`: what /v1/models says of the model besides its name.
  explicit ScriptedModel(Answer answer, const Json& about = Json::object())
      : server_([this, answer = std::move(answer), about](const auto& peer, const auto& request) {
          if (request.head.starts_with("GET ")) {
            Json model = {{"id", "scripted"}, {"owned_by", "vllm"}};
            model.update(about);
            peer.send(http_answer("200 OK", "Content-Type: application/json\r\n",
                                  Json{{"data", {model}}}.dump()));
            return;
          }
          const Json body = Json::parse(request.body, nullptr, false);
          Json choice = {{"index", 0},
                         {"delta", {{"content", answer(num_questions_++, body)}}},
                         {"finish_reason", "stop"}};
          peer.send(
              http_answer("200 OK", "Content-Type: text/event-stream\r\n",
                          "data: " + Json{{"choices", {choice}}}.dump() + "\n\ndata: [DONE]\n\n"));
        }) {}

  std::string url() const { return server_.url(); }
  int num_questions() const { return num_questions_; }
  // Of all requests, the list of models included.
  std::vector<net::ScriptedServer::Request> requests() const { return server_.requests(); }
  // The last text that was asked.
  std::string question() const {
    const Json body = Json::parse(requests().back().body, nullptr, false);
    std::string text;
    for (const Json& part : body["messages"].back()["content"]) text = part.value("text", text);
    return text;
  }

 private:
  std::atomic<int> num_questions_ = 0;
  net::ScriptedServer server_;
};

}  // namespace glmv::e2e
