// glmv serve: the OpenAI-compatible server.

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "glmv/base/files.h"
#include "glmv/chat/local_backend.h"
#include "glmv/net/http_server.h"
#include "glmv/server/server.h"

namespace glmv::app {
namespace {

using namespace std::chrono_literals;

struct ServeFlags {
  ModelFlags model;
  net::HttpServerOptions http{.port = 8000};
  server::ServerOptions server{.model = ""};
  std::string api_key_file;
  int64_t shutdown_timeout_s = 30;
};

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<void> add_keys(const std::string& path, std::vector<std::string>& keys) {
  if (path.empty()) return {};
  GLMV_ASSIGN(const std::string text, read_file(path, 1 << 20));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) keys.push_back(std::move(line));
    begin = end + 1;
  }
  if (keys.empty()) return invalid_argument("{}: holds no key; write one a line", path);
  return {};
}

// Everything that a program on this machine may call it, unless it is meant for others too.
std::vector<std::string> host_names(const ServeFlags& flags) {
  if (!flags.server.allowed_hosts.empty()) return flags.server.allowed_hosts;
  if (!flags.http.unix_socket.empty() || !is_loopback(flags.http.host)) return {};
  return {"localhost", "127.0.0.1", "[::1]", flags.http.host};
}

Json defaults_json(const checkpoint::GenerationConfig& defaults) {
  return {{"temperature", defaults.do_sample ? defaults.temperature : 0.0},
          {"top_p", defaults.top_p},
          {"top_k", defaults.top_k},
          {"repetition_penalty", defaults.repetition_penalty}};
}

Result<int> run_serve(ServeFlags flags) {
  GLMV_RETURN_IF_ERROR(add_keys(flags.api_key_file, flags.server.api_keys));
  GLMV_ASSIGN(const runtime::EngineOptions engine, engine_options(flags.model));
  flags.server.allowed_hosts = host_names(flags);
  if (flags.server.model.empty()) {
    std::filesystem::path folder = engine.model_dir;
    if (folder.filename().empty()) folder = folder.parent_path();
    flags.server.model = engine.gguf.empty() ? folder.filename().string() : engine.gguf;
  }
  flags.http.max_handlers = flags.server.max_requests + 64;  // room for what only looks
  catch_interrupts();
  GLMV_ASSIGN(const auto backend, chat::LocalBackend::load(engine));
  server::Server server(flags.server,
                        {.max_context_tokens = backend->engine().max_context_tokens(),
                         .fingerprint = "glmv-" GLMV_VERSION "-" + engine.dtype,
                         .family = backend->engine().config().model_type,
                         .quantization = engine.quantize == "none" ? engine.dtype : engine.quantize,
                         .weight_bytes = backend->engine().weight_bytes(),
                         .max_running = engine.max_running_requests,
                         .generation_defaults = defaults_json(backend->defaults())},
                        *backend, *backend);
  GLMV_ASSIGN(const auto http,
              net::HttpServer::start(
                  flags.http,
                  [&server](const net::HttpRequest& request, net::HttpReply& reply) {
                    server.handle(request, reply);
                  },
                  server::transport_error_body));
  const std::string where = flags.http.unix_socket.empty()
                                ? fmt::format("http://{}:{}", flags.http.host, http->port())
                                : "unix:" + flags.http.unix_socket;
  fmt::print(stderr, "serving {} on {}{}\n", flags.server.model, where,
             flags.server.api_keys.empty() ? "" : ", with keys");
  while (!interrupted()) std::this_thread::sleep_for(50ms);
  clear_interrupt();
  server.start_draining();
  const int running = http->num_handlers();
  if (running > 0) {
    fmt::print(stderr, "finishing {} request{}, {} s at most; again to stop at once\n", running,
               running == 1 ? "" : "s", flags.shutdown_timeout_s);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(flags.shutdown_timeout_s);
  // As long as others run, new requests are told to come again; then no connection is taken.
  while ((http->num_handlers() > 0 || !http->drain(50ms)) && !interrupted() &&
         std::chrono::steady_clock::now() < deadline) {
    if (http->num_handlers() > 0) std::this_thread::sleep_for(10ms);
  }
  return 0;
}

}  // namespace

void add_serve(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<ServeFlags>();
  add_model_flags(command, flags->model);
  command.add_option("model", flags->model.model, "as -m");
  const std::string group = "Server";
  command.add_option("--host", flags->http.host, "address to listen on")
      ->capture_default_str()->group(group);
  command.add_option("--port", flags->http.port, "0: any free one")->capture_default_str()->group(group);
  command.add_option("--uds", flags->http.unix_socket, "listen on this socket file instead")->group(group);
  command.add_option("--served-model-name", flags->server.model, "name in requests (default: the folder's)")
      ->group(group);
  command.add_option("--api-key", flags->server.api_keys, "ask for this key, repeatable")
      ->allow_extra_args(false)->group(group);
  command.add_option("--api-key-file", flags->api_key_file, "file with a key a line")->group(group);
  command.add_option("--allowed-hosts", flags->server.allowed_hosts,
                     "names in the Host header that are served (default on a loopback address: its own)")
      ->delimiter(',')->group(group);
  command.add_option("--max-queue", flags->server.max_requests,
                     "requests that are answered or wait; others get 503")
      ->check(CLI::Range(1, 10000))->capture_default_str()->group(group);
  command.add_option("--metrics-compat", flags->server.metrics_prefix,
                     "glmv, or vllm: prefix of the names in /metrics")
      ->check(CLI::IsMember({"glmv", "vllm"}))->capture_default_str()->group(group);
  command.add_option("--shutdown-timeout", flags->shutdown_timeout_s,
                     "seconds for running requests after SIGTERM")
      ->check(CLI::NonNegativeNumber)->capture_default_str()->group(group);
  command.callback([flags, &exit_code] { exit_code = report(run_serve(*flags)); });
}

}  // namespace glmv::app
