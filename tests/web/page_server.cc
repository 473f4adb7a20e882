// The server of the tests of the web page: all of glmv serve but the model, whose replies are
// scripted (scripts.h). Cuts connections and refuses requests where a script says so.
//
//   glmv_page_server SCRIPTS.json [--port N] [--api-key KEY] [--store DIR] [--web-dir DIR]
//
//   GET /test/requests    what has been asked: [{"method", "path", "body", "headers"}]

#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <mutex>
#include <semaphore>

#include "glmv/media/document.h"
#include "glmv/media/video_reader.h"
#include "glmv/net/http_server.h"
#include "glmv/server/server.h"
#include "tests/web/scripts.h"

namespace glmv::page {
namespace {

class Service final : public api::ModelService {
 public:
  Result<std::vector<int32_t>> tokenize(const api::RawPrompt& prompt) const override {
    return std::vector<int32_t>(prompt.text.size() / 4);
  }
  std::string detokenize(std::span<const int32_t>) const override { return {}; }
  Result<api::PromptTokens> prompt_tokens(const api::ChatRequest& request) const override {
    const api::ChatUsage usage = cost_of(request);
    api::PromptTokens tokens{std::vector<int32_t>(static_cast<size_t>(usage.prompt_tokens)), {}};
    if (usage.image_tokens > 0) tokens.media = {{"image", 0, 0, {}, usage.image_tokens}};
    return tokens;
  }
  Result<std::string> prompt_text(const api::ChatRequest&) const override { return std::string(); }
  std::string chat_template() const override { return "{{ enable_thinking }}"; }
  api::ModelMetrics metrics() const override { return {}; }
};

// Passes `pieces` on, then cuts the connection: the server goes on as with a client that is gone.
class CutReply final : public net::HttpReply {
 public:
  CutReply(net::HttpReply& reply, int pieces) : reply_(reply), left_(pieces) {}
  void send(int status, const net::HttpHeaders& headers, std::string body) override {
    reply_.send(status, headers, std::move(body));
  }
  void start(int status, const net::HttpHeaders& headers, std::string heartbeat,
             double heartbeat_seconds) override {
    reply_.start(status, headers, std::move(heartbeat), heartbeat_seconds);
  }
  bool write(std::string piece) override {
    if (cut_) return false;
    const bool taken = reply_.write(std::move(piece));
    if (--left_ > 0) return taken;
    cut_ = true;
    reply_.abort();
    return false;
  }
  void finish() override {
    if (!cut_) reply_.finish();
  }
  void abort() override {
    if (!cut_) reply_.abort();
  }
  bool client_gone() const override { return cut_ || reply_.client_gone(); }

 private:
  net::HttpReply& reply_;
  int left_;
  bool cut_ = false;
};

// In front of the server.
class Door {
 public:
  Door(server::Server& server, const Scripts& scripts) : server_(server), scripts_(scripts) {}

  void handle(const net::HttpRequest& request, net::HttpReply& reply) {
    if (request.path == "/test/requests") {
      const std::lock_guard lock(mutex_);
      return server::send_json(reply, 200, requests_, "test");
    }
    const bool wire = request.path.starts_with("/api/") || request.path.starts_with("/v1/");
    const Json body = wire ? Json::parse(request.body, nullptr, false) : Json();
    if (wire) note(request, body);
    if (request.path != "/v1/chat/completions") return server_.handle(request, reply);
    const Script* const script = scripts_.named(last_text(body));
    if (script != nullptr && script->status > 0) {
      return server::send_error(
          reply, {script->status, script->code, script->message, "", script->retry_after_s},
          "test");
    }
    if (script == nullptr || script->cut_after < 0) return server_.handle(request, reply);
    CutReply cut(reply, script->cut_after);
    server_.handle(request, cut);
  }

 private:
  void note(const net::HttpRequest& request, const Json& body) {
    Json headers = Json::object();
    for (const auto& [name, value] : request.headers) headers[name] = value;
    const std::lock_guard lock(mutex_);
    requests_.push_back(
        {{"method", request.method},
         {"path", request.path + (request.query.empty() ? "" : "?" + request.query)},
         {"headers", std::move(headers)},
         {"body", body.is_discarded() ? Json() : body}});
  }
  static std::string last_text(const Json& body) {
    if (!body.is_object() || !body.contains("messages")) return {};
    const Json& messages = body["messages"];
    for (auto it = messages.rbegin(); it != messages.rend(); ++it) {
      if (it->value("role", "") == "user") return (*it)["content"].dump();
    }
    return {};
  }

  server::Server& server_;
  const Scripts& scripts_;
  std::mutex mutex_;
  Json requests_ = Json::array();
};

struct Flags {
  std::string scripts;
  std::string web_dir;
  std::string store;
  net::HttpServerOptions http;
  server::ServerOptions server{.model = "GLM-4.1V-9B-Thinking"};
};

std::binary_semaphore ended{0};

Result<void> serve(Flags flags) {
  GLMV_ASSIGN(const Scripts scripts, Scripts::read(flags.scripts));
  GLMV_ASSIGN(server::PageFiles page, flags.web_dir.empty()
                                          ? server::PageFiles::embedded()
                                          : server::PageFiles::load(flags.web_dir));
  flags.server.page = std::make_shared<const server::PageFiles>(std::move(page));
  if (!flags.store.empty()) {
    std::vector<std::string> notices;
    GLMV_ASSIGN(flags.server.store, store::ConversationStore::open(flags.store, notices));
  }
  flags.server.media.videos = std::make_shared<media::InlineVideoOpener>();
  flags.server.media.processor.video.max_pixels = int64_t{28} * 28 * 2 * 30000;
  flags.server.media.limits.max_images = 10;
  if (media::check_pdf_programs()) {
    flags.server.media.documents = std::make_shared<media::DocumentReader>();
  }
  ScriptBackend backend(scripts);
  const Service service;
  server::Server server(flags.server,
                        {.max_context_tokens = 65536,
                         .family = "glm4v",
                         .generation_defaults = {{"temperature", 1.0},
                                                 {"top_p", 0.6},
                                                 {"top_k", 2},
                                                 {"repetition_penalty", 1.1},
                                                 {"max_tokens", 8192}}},
                        backend, service);
  Door door(server, scripts);
  GLMV_ASSIGN(
      const auto http,
      net::HttpServer::start(
          flags.http,
          [&door](const net::HttpRequest& q, net::HttpReply& reply) { door.handle(q, reply); },
          [&server](int status, const std::string& message, const net::HttpRequest& head) {
            return server.unread(status, message, head);
          }));
  fmt::print(stderr, "serving scripted on http://127.0.0.1:{}\n", http->port());
  ended.acquire();
  return {};
}

}  // namespace
}  // namespace glmv::page

int main(int argc, char** argv) {
  glmv::page::Flags flags;
  CLI::App app("the server of the page's tests");
  app.add_option("scripts", flags.scripts, "replies")->required();
  app.add_option("--port", flags.http.port, "0: any free one");
  app.add_option("--api-key", flags.server.api_keys, "ask for this key");
  app.add_option("--store", flags.store, "folder of conversations");
  app.add_option("--web-dir", flags.web_dir, "instead of the page in the program");
  CLI11_PARSE(app, argc, argv);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // tests that are killed leave no server behind
  const auto stop = [](int) { glmv::page::ended.release(); };
  std::signal(SIGTERM, stop);
  std::signal(SIGINT, stop);
  const auto done = glmv::page::serve(flags);
  if (!done) fmt::print(stderr, "{}\n", done.error().message);
  return done ? 0 : 1;
}
