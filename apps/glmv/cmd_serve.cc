// glmv serve: the OpenAI-compatible server.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <thread>

#include "apps/glmv/chat_options.h"
#include "apps/glmv/command.h"
#include "apps/glmv/media_flags.h"
#include "glmv/base/kept_memory.h"
#include "glmv/base/texts.h"
#include "glmv/chat/local_backend.h"
#include "glmv/chat/self_check.h"
#include "glmv/net/http_server.h"
#include "glmv/server/server.h"

namespace glmv::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 50ms;
constexpr int64_t kTrimTicks = 30s / kTick;

struct ServeFlags {
  ModelFlags model;
  MediaFlags media;
  net::HttpServerOptions http{.port = 8000};
  server::ServerOptions server{.model = ""};
  std::string api_key_file, admin_api_key_file;
  std::string access_log;
  std::string web_dir;
  std::string store;  // folder
  ThinkingFlags thinking;
  std::string reasoning_parser = "native";
  parsers::ReasoningRules rules;  // of that name
  std::string reasoning_format = "auto";
  std::string box_markers = "remove";
  std::string log_level = "info";
  bool self_test = true;
  bool strict_text = false;
  int64_t shutdown_timeout_s = 30;
};

// As a URL has it, and as one that a browser here can open.
std::string url_host(const std::string& host) {
  if (host == "0.0.0.0" || host == "::") return "localhost";
  return host.find(':') == host.npos ? host : "[" + host + "]";
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// Entries of a file join those of the command line.
Result<void> add_keys(const std::string& path, std::vector<std::string>& keys) {
  if (path.empty()) return {};
  GLMV_ASSIGN(const std::vector<std::string> more, server::read_key_file(path));
  keys.insert(keys.end(), more.begin(), more.end());
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

// Null: the program was built without one, and none is given.
Result<std::shared_ptr<const server::PageFiles>> page_of(const std::string& web_dir) {
  auto page = web_dir.empty() ? server::PageFiles::embedded() : server::PageFiles::load(web_dir);
  if (page) return std::make_shared<const server::PageFiles>(*std::move(page));
  if (web_dir.empty()) return nullptr;
  return in_context("--web-dir", page.error());
}

// What a person opens in a browser.
std::string page_line(const ServeFlags& flags, const std::string& where) {
  if (!flags.http.unix_socket.empty()) return {};
  if (flags.server.page == nullptr)
    return tr("no web page in this program; see docs/server.md") + "\n";
  return tr_format("open {}/ in a browser; Ctrl-C ends it", where) + "\n";
}

void warn(const std::string& text) { fmt::print(stderr, "{}\n", tr_format("warning: {}", text)); }

// What requests become that do not say it.
server::CallRules call_rules(const ServeFlags& flags) {
  return {.thinking = thinking_mode(flags.thinking),
          .thinking_budget = flags.thinking.thinking_budget,
          .detect_repetition = flags.thinking.detect_repetition,
          .raw_output = flags.reasoning_format == "none",
          .keep_box_markers = flags.box_markers == "keep"};
}

Result<void> test_model(chat::LocalBackend& backend, const runtime::EngineOptions& engine) {
  const chat::SelfTestReport tested = chat::self_test(backend, engine);
  fmt::print(stderr, "{}\n",
             tr_format("loaded in {}, self-test {} in {}",
                       duration_text(backend.engine().load_ms() / 1000),
                       tr(tested.ok() ? "passed" : "FAILED"), duration_text(tested.seconds)));
  if (tested.ok()) return {};
  return internal_error("{}; --self-test off serves it all the same", tested.problem());
}

// Opens the log anew where it was asked for.
void answer_hangup(const server::Server& server) {
  if (took_hangup() && server.options().access_log) server.options().access_log->reopen();
}

// Until a signal; says once when the engine can no longer be relied on.
void wait_for_end(const server::Server& server) {
  std::string known;
  for (int64_t i = 0; !interrupted(); ++i) {
    std::this_thread::sleep_for(kTick);
    answer_hangup(server);
    if (i % kTrimTicks == kTrimTicks - 1) trim_heaps();
    if (i % 20 != 0) continue;
    const std::string trouble = server.engine_trouble();
    if (!trouble.empty() && trouble != known) warn(trouble);
    if (trouble.empty() && !known.empty()) warn(tr("the engine goes on"));
    known = trouble;
  }
  clear_interrupt();
}

// What can be said of the flags without the model.
Result<void> complete(ServeFlags& flags) {
  GLMV_RETURN_IF_ERROR(add_keys(flags.api_key_file, flags.server.api_keys));
  GLMV_RETURN_IF_ERROR(add_keys(flags.admin_api_key_file, flags.server.admin_api_keys));
  if (flags.server.key_limits.any() && flags.server.api_keys.empty()) {
    return invalid_argument("limits of keys (--key-...) need keys: --api-key or --api-key-file");
  }
  GLMV_RETURN_IF_ERROR(net::check_tls_files(flags.http));
  const auto rules = parsers::reasoning_rules(flags.reasoning_parser);
  if (!rules) {
    return invalid_argument("--reasoning-parser {}: must be one of {}", flags.reasoning_parser,
                            parsers::reasoning_rules_names());
  }
  flags.rules = *rules;
  if (!flags.access_log.empty()) {
    GLMV_ASSIGN(flags.server.access_log, server::AccessLog::open(flags.access_log, warn));
  }
  GLMV_ASSIGN(flags.server.page, page_of(flags.web_dir));
  if (!flags.store.empty()) {
    std::vector<std::string> notices;
    auto store = store::ConversationStore::open(flags.store, notices);
    if (!store) return in_context("--store", store.error());
    flags.server.store = *std::move(store);
    for (const std::string& text : notices) warn(text);
  }
  flags.server.allowed_hosts = host_names(flags);
  flags.server.on_failure = print_failure;
  if (flags.log_level == "debug") {
    flags.server.on_debug = [](const std::string& text) {
      fmt::print(stderr, "debug: {}\n", text);
    };
  }
  flags.server.rules = call_rules(flags);
  flags.http.max_handlers = flags.server.max_requests + 64;  // room for what only looks
  return {};
}

Result<std::unique_ptr<chat::LocalBackend>> load(const ServeFlags& flags,
                                                 const runtime::EngineOptions& engine) {
  GLMV_ASSIGN(auto backend, chat::LocalBackend::load(engine));
  for (const std::string& text : backend->engine().load_warnings()) warn(text);
  if (flags.self_test) GLMV_RETURN_IF_ERROR(test_model(*backend, engine));
  if (flags.reasoning_parser != "native") backend->use_rules(flags.rules);
  if (flags.strict_text) backend->use_strict_text();
  return backend;
}

server::ServedModel served_model(const ServeFlags& flags, const runtime::EngineOptions& options,
                                 const chat::LocalBackend& backend) {
  const runtime::Engine& engine = backend.engine();
  return {
      .max_context_tokens = engine.max_context_tokens(),
      .fingerprint = system_fingerprint(options, engine),
      .family = engine.config().model_type,
      .quantization = options.quantize == "none" ? options.dtype : options.quantize,
      .weight_bytes = engine.weight_bytes(),
      .max_running = options.max_running_requests,
      .generation_defaults = defaults_json(backend.defaults()),
      .document_tokens = flags.media.document_tokens == 0 ? backend.document_rule().max_tokens : 0,
      .media_cache = backend.media_cache()};
}

Result<std::unique_ptr<net::HttpServer>> start_http(const ServeFlags& flags,
                                                    server::Server& server) {
  return net::HttpServer::start(
      flags.http,
      [&server](const net::HttpRequest& request, net::HttpReply& reply) {
        server.handle(request, reply);
      },
      [&server](int status, const std::string& message, const net::HttpRequest& head) {
        return server.unread(status, message, head);
      });
}

// The end of running requests, for so long as flags allow.
void finish_requests(const ServeFlags& flags, server::Server& server, net::HttpServer& http) {
  server.start_draining();
  const int running = http.num_handlers();
  if (running > 0) {
    fmt::print(stderr, "{}\n",
               tr_format("finishing {}, {} s at most; again to stop at once",
                         tr_count(running, "{} request", "{} requests"), flags.shutdown_timeout_s));
  }
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(flags.shutdown_timeout_s);
  // As long as others run, new requests are told to come again; then no connection is taken.
  while ((http.num_handlers() > 0 || !http.drain(50ms)) && !interrupted() &&
         std::chrono::steady_clock::now() < deadline) {
    if (http.num_handlers() > 0) std::this_thread::sleep_for(10ms);
  }
}

Result<int> run_serve(ServeFlags flags) {
  share_heaps();
  // oneDNN would keep 1,024 programs of 500 kB. It reads this once, at its first product; what the
  // user has set stays.
  ::setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256", 0);
  GLMV_RETURN_IF_ERROR(complete(flags));
  GLMV_ASSIGN(const runtime::EngineOptions engine, engine_options(flags.model));
  if (flags.server.model.empty()) flags.server.model = served_name(engine);
  GLMV_ASSIGN(flags.server.media, media_options(flags.media));
  GLMV_ASSIGN(flags.server.media.processor, processing::read_processor_config(engine.model_dir));
  catch_interrupts();
  catch_hangups();

  std::unique_ptr<chat::LocalBackend> backend;
  auto server = std::make_unique<server::Server>(flags.server);
  GLMV_ASSIGN(auto http, start_http(flags, *server));
  const bool by_port = flags.http.unix_socket.empty();
  const std::string place = by_port ? tr_format("port {}", http->port()) : flags.http.unix_socket;
  fmt::print(
      stderr, "{}\n",
      tr_format("loading {}; {} answers /health and /ready meanwhile", flags.server.model, place));
  auto loading = std::async(std::launch::async, [&] { return load(flags, engine); });
  while (loading.wait_for(kTick) != std::future_status::ready) {
    answer_hangup(*server);
    if (!interrupted()) continue;
    // Nothing else ends the loading of weights.
    http.reset();
    server.reset();
    flags.server = {};
    std::_Exit(0);
  }
  GLMV_ASSIGN(backend, loading.get());
  server->start_serving(served_model(flags, engine, *backend), *backend, *backend);
  const std::string where =
      by_port ? fmt::format("{}://{}:{}", flags.http.tls_key.empty() ? "http" : "https",
                            url_host(flags.http.host), http->port())
              : "unix:" + flags.http.unix_socket;
  fmt::print(stderr, "{}{}\n{}", tr_format("serving {} on {}", flags.server.model, where),
             flags.server.api_keys.empty() ? "" : tr(", with keys"), page_line(flags, where));
  wait_for_end(*server);
  finish_requests(flags, *server, *http);
  return 0;
}

}  // namespace

void add_serve(CLI::App& command, int& exit_code) {
  auto flags = std::make_shared<ServeFlags>();
  add_model_flags(command, flags->model);
  command.add_option("model", flags->model.model, "as -m")->type_name("MODEL");
  const std::string group = "Server", access = "Access", requests = "Requests";
  command.add_option("--host", flags->http.host, "address to listen on")
      ->capture_default_str()
      ->group(group);
  command.add_option("--port", flags->http.port, "0: any free one")
      ->capture_default_str()
      ->group(group);
  command.add_option("--uds", flags->http.unix_socket, "listen on this socket file instead")
      ->group(group);
  command
      .add_option("--served-model-name", flags->server.model,
                  "name in requests (default: the folder's)")
      ->group(group);
  command.add_option("--api-key", flags->server.api_keys, "ask for this key, repeatable")
      ->allow_extra_args(false)
      ->group(access);
  command.add_option("--api-key-file", flags->api_key_file, "file with a key a line")
      ->group(access);
  command
      .add_option("--admin-api-key", flags->server.admin_api_keys,
                  "ask for this key on routes that change the server, repeatable")
      ->allow_extra_args(false)
      ->group(access);
  command
      .add_option("--admin-api-key-file", flags->admin_api_key_file,
                  "file with an admin key a line")
      ->group(access);
  server::KeyLimits& limits = flags->server.key_limits;
  const auto add_limit = [&](const char* name, int64_t& limit, const char* text) {
    command.add_option(name, limit, text)
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str()
        ->group(access);
  };
  add_limit("--key-requests-per-minute", limits.requests_per_minute,
            "requests of each API key in a minute; others get 429 (0: no limit)");
  add_limit("--key-tokens-per-minute", limits.tokens_per_minute,
            "tokens of its prompts and replies in a minute (0: no limit)");
  add_limit("--key-requests-at-once", limits.requests_at_once,
            "requests of each API key that are answered or wait (0: no limit)");
  command.add_option("--ssl-certfile", flags->http.tls_certificate, "PEM file: serve HTTPS")
      ->group(access);
  command.add_option("--ssl-keyfile", flags->http.tls_key, "PEM file of the certificate's key")
      ->group(access);
  command
      .add_option("--allowed-origins", flags->server.allowed_origins,
                  "web pages of other sites that may use the server, as https://app.example, or *")
      ->delimiter(',')
      ->group(access);
  command
      .add_option("--web-dir", flags->web_dir, "a build of web/ instead of the page in the program")
      ->group(group);
  command
      .add_option("--store", flags->store,
                  "folder for conversations of the page, so that other browsers have them too")
      ->group(group);
  command
      .add_option("--access-log", flags->access_log,
                  "a line of JSON for each request to this file, or - for standard output")
      ->group(group);
  command
      .add_option("--self-test", flags->self_test, "on, or off: one short question before serving")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, bool>{{"on", true}, {"off", false}}))
      ->default_str("on")
      ->group(group);
  command
      .add_option("--request-timeout", flags->server.request_timeout_s,
                  "seconds for a request, the queue included; then it ends with 503 (0: none)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(requests);
  command
      .add_option("--watchdog-timeout", flags->server.watchdog_timeout_s,
                  "seconds of one engine step until /health says 503 (0: never)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(requests);
  command
      .add_option(
          "--allowed-hosts", flags->server.allowed_hosts,
          "names in the Host header that are served (default on a loopback address: its own)")
      ->delimiter(',')
      ->group(access);
  command
      .add_option("--max-num-seqs", flags->model.engine.max_running_requests,
                  "replies that are computed at once; further requests wait")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(requests);
  command
      .add_option(
          "--decode-batch", flags->model.engine.decode_batch,
          "of these, so many in one pass: more is faster with much to do; up to 8, the bits "
          "of a reply do not depend on the others")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(requests);
  command
      .add_option("--max-queue", flags->server.max_requests,
                  "requests that are answered or wait; others get 503")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str()
      ->group(requests);
  add_strict_text(command, flags->strict_text)->group(requests);
  command
      .add_option("--reasoning-parser", flags->reasoning_parser,
                  "native, or as another server divides replies: vllm-a, vllm-b, vllm-c, sglang")
      ->capture_default_str()
      ->group(requests);
  const std::string answers = "What requests get that do not ask for another";
  add_thinking_flags(command, flags->thinking, answers);
  command
      .add_option("--reasoning-format", flags->reasoning_format,
                  "auto: thoughts apart from answers; none: all of it is the answer, as the model "
                  "wrote it, for clients that show nothing else")
      ->check(CLI::IsMember({"auto", "none"}))
      ->capture_default_str()
      ->group(answers);
  command
      .add_option("--box-markers", flags->box_markers,
                  "remove, or keep: the markers around the final answer, in its text")
      ->check(CLI::IsMember({"remove", "keep"}))
      ->capture_default_str()
      ->group(answers);
  command
      .add_option("--log-level", flags->log_level,
                  "info, or debug: also a line for each field of requests that is not known")
      ->check(CLI::IsMember({"info", "debug"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--metrics-compat", flags->server.metrics_prefix,
                  "glmv, or vllm: prefix of the names in /metrics")
      ->check(CLI::IsMember({"glmv", "vllm"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--shutdown-timeout", flags->shutdown_timeout_s,
                  "seconds for running requests after SIGTERM")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(group);
  add_media_flags(command, flags->media);
  command.callback([flags, &exit_code] { exit_code = report(run_serve(*flags)); });
}

}  // namespace glmv::app
