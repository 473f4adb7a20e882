#include "glmv/api/chat_client.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "glmv/api/answer_boxes.h"
#include "glmv/api/reply_reader.h"
#include "glmv/api/wire_request.h"
#include "glmv/media/file_url.h"
#include "glmv/net/http_call.h"
#include "glmv/net/sse.h"

namespace glmv::api {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxAnswerBytes = size_t{64} << 20;  // of one that is no stream
constexpr size_t kMaxErrorBytes = size_t{64} << 10;   // of an error that is read
constexpr std::chrono::milliseconds kLookInterval{50};

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(std::clamp(seconds, 0.001, 1e6) * 1000));
}

// The URL that paths are appended to: without a slash at its end, "/v1" where no path is written.
Result<net::Url> base_of(const std::string& text) {
  auto url = net::parse_url(text);
  if (!url) return in_context("the server's address", url.error());
  std::string& target = url->target;
  if (target.find('?') != std::string::npos) {
    return invalid_argument(
        "the server's address: has a query; write it as in http://host:8000/v1");
  }
  while (target.ends_with('/')) target.pop_back();
  constexpr std::string_view kEndpoint = "/chat/completions";
  if (target.ends_with(kEndpoint)) target.resize(target.size() - kEndpoint.size());
  if (target.empty()) target = "/v1";
  return *std::move(url);
}

class Server {
 public:
  static Result<Server> create(const ChatClientOptions& options) {
    GLMV_ASSIGN(net::Url base, base_of(options.base_url));
    for (const char c : options.api_key) {
      if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) {
        return invalid_argument("the API key: holds white space or a control character");
      }
    }
    return Server(options, std::move(base));
  }

  // A call to `path` below the base.
  net::HttpCall call(const std::string& method, std::string_view path) const {
    net::HttpCall call{.url = base_,
                       .method = method,
                       .ca_file = options_.ca_file,
                       .connect_timeout = milliseconds(options_.connect_timeout_s),
                       .silence_timeout = milliseconds(options_.timeout_s)};
    call.url.target += path;
    if (!options_.api_key.empty()) {
      call.headers.emplace_back("Authorization", "Bearer " + options_.api_key);
    }
    if (method != "GET") call.headers.emplace_back("Content-Type", "application/json");
    return call;
  }

  std::unexpected<Status> failure(const Status& status) const {
    return in_context(base_.text(), status);
  }
  std::unexpected<Status> refusal(const net::TransferHead& head, std::string_view body) const {
    if (head.status >= 300 && head.status < 400) {
      return failure({Code::kUnavailable,
                      fmt::format("the server is elsewhere: it redirects to {}; write that address",
                                  head.header("location"))});
    }
    return failure(server_error(head.status, body));
  }
  const ChatClientOptions& options() const { return options_; }

 private:
  Server(const ChatClientOptions& options, net::Url base)
      : options_(options), base_(std::move(base)) {}

  ChatClientOptions options_;
  net::Url base_;
};

ServerKind kind_of(const Json& model) {
  struct Row {
    const char* owner;
    ServerKind kind;
  };
  constexpr Row kRows[] = {{"glmv", ServerKind::kGlmv},
                           {"vllm", ServerKind::kVllm},
                           {"sglang", ServerKind::kSglang},
                           {"llamacpp", ServerKind::kLlamaCpp}};
  const Json owner = model.value("owned_by", Json());
  for (const Row& row : kRows) {
    if (owner == row.owner) return row.kind;
  }
  return ServerKind::kOther;
}

Result<ServerModel> choose_model(const Server& server, const Json& answer) {
  const std::string& wanted = server.options().model;
  const Json* const list =
      answer.is_object() && answer.contains("data") ? &answer["data"] : nullptr;
  std::optional<ServerModel> first;
  if (list != nullptr && list->is_array()) {
    for (const Json& entry : *list) {
      if (!entry.is_object() || !entry.value("id", Json()).is_string()) continue;
      ServerModel model{entry["id"].get<std::string>(), kind_of(entry)};
      const Json context = entry.value("max_model_len", Json());
      if (context.is_number_integer()) model.max_context_tokens = context.get<int64_t>();
      model.video_processor = entry.value("video_processor", Json());
      if (wanted.empty() || model.name == wanted) return model;
      if (!first) first = std::move(model);
    }
  }
  if (wanted.empty()) {
    return server.failure(
        {Code::kNotFound, "the server lists no model: name one with --served-model"});
  }
  // Servers know names that they do not list.
  return ServerModel{wanted, first ? first->kind : ServerKind::kOther};
}

Result<ServerModel> find_model(const Server& server) {
  std::string body;
  net::HttpCall call = server.call("GET", "/models");
  bool too_long = false;
  call.on_body = [&](const net::TransferHead&, std::string_view bytes) {
    too_long = body.size() + bytes.size() > kMaxAnswerBytes;
    if (!too_long) body += bytes;
    return !too_long;
  };
  const auto head = net::http_call(call);
  if (!head) return server.failure(head.error());
  const std::string& wanted = server.options().model;
  if (head->status != 200) {
    const bool no_list = head->status == 404 || head->status == 405 || head->status == 501;
    if (no_list && !wanted.empty()) return ServerModel{wanted};
    return server.refusal(*head, body);
  }
  const auto json = parse_json(body, "/models");
  if (json && !too_long) return choose_model(server, *json);
  if (!wanted.empty()) return ServerModel{wanted};
  return server.failure({Code::kUnavailable,
                         "what comes is no list of models; is this an OpenAI-compatible server? "
                         "(the address often ends in /v1)"});
}

// One reply while it comes.
class Exchange {
 public:
  Exchange(const Server& server, const ServerModel& model, const ChatRequest& request,
           const OnChunk& on_chunk)
      : server_(server),
        model_(model),
        request_(request),
        on_chunk_(on_chunk),
        reader_(request, model.kind) {}

  Result<ChatReply> run() {
    WireMedia media{.decoder = server_.options().pictures.get()};
    GLMV_ASSIGN(const Json json,
                wire_request(request_, model_, server_.options().max_media_bytes, media));
    const std::string body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    preprocess_ms_ = ms_since(start_);
    net::HttpCall call = server_.call("POST", "/chat/completions");
    call.headers.emplace_back("Accept", "text/event-stream, application/json");
    call.body = body;
    call.wanted = [this] { return look(); };
    call.on_body = [this](const net::TransferHead& head, std::string_view bytes) {
      return take(head, bytes);
    };
    const auto head = net::http_call(call);
    if (head && !error_ && wanted_) end_of_body(*head);
    if (error_) return server_.failure(*error_);
    if (!wanted_) return reply(media, true);
    if (!head) return lost(head.error());
    if (head->status != 200) return server_.refusal(*head, text_);
    if (!reader_.has_ended() && !done_) {
      return lost({Code::kUnavailable, "the stream ended without an end of the reply"});
    }
    return reply(media, false);
  }

 private:
  // What was shown stays shown: the error says that it is not all.
  std::unexpected<Status> lost(Status status) const {
    if (reader_.has_begun()) status.message += "; the reply so far is not whole";
    return server_.failure(status);
  }

  // Now and then, also while nothing comes.
  bool look() {
    if (request_.end_thinking && *request_.end_thinking && !std::exchange(told_to_answer_, true)) {
      end_thinking();
    }
    if (on_chunk_ && wanted_ && Clock::now() - last_look_ >= kLookInterval) offer({});
    return wanted_;
  }

  void end_thinking() const {
    if (model_.kind != ServerKind::kGlmv || request_id_.empty()) return;
    net::HttpCall call = server_.call("POST", "/requests/" + request_id_ + "/end_thinking");
    call.silence_timeout = std::chrono::seconds(2);
    // Without it, the thought goes on to its own end.
    std::ignore = net::http_call(call);
  }

  void offer(const ChatChunk& chunk) {
    last_look_ = Clock::now();
    if (wanted_ && on_chunk_ && !on_chunk_(chunk)) wanted_ = false;
  }

  bool take(const net::TransferHead& head, std::string_view bytes) {
    if (head.status != 200) {
      text_ += bytes.substr(0, kMaxErrorBytes - std::min(kMaxErrorBytes, text_.size()));
      return text_.size() < kMaxErrorBytes;
    }
    request_id_ = head.header("x-request-id");
    if (!head.header("content-type").starts_with("text/event-stream")) {
      text_ += bytes;
      if (text_.size() > kMaxAnswerBytes) fail("the answer has more than 64 MiB");
      return !error_;
    }
    auto events = events_.feed(bytes);
    if (!events) {
      fail(events.error().message);
      return false;
    }
    for (const net::SseEvent& event : *events) {
      if (!take(event)) return false;
    }
    return true;
  }

  bool take(const net::SseEvent& event) {
    if (done_) return true;
    const std::string_view data = event.data;
    if (data == "[DONE]") {
      done_ = true;
      return true;
    }
    const Json json = Json::parse(data, nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
      // What other names mean is not known.
      if (!event.type.empty() && event.type != "error") return true;
      if (event.type == "error") {
        error_ = server_error(0, data);
      } else {
        fail(fmt::format("an event of the stream is no JSON: {}",
                         data.substr(0, std::min<size_t>(data.size(), 80))));
      }
      return false;
    }
    return read(event.type == "error" && !json.contains("error") ? Json{{"error", json}} : json);
  }

  bool read(const Json& json) {
    auto chunk = reader_.read(json);
    if (!chunk) {
      error_ = chunk.error();
      return false;
    }
    if (reader_.has_begun() && first_ms_ == 0) first_ms_ = ms_since(start_);
    show(*chunk);
    return wanted_;
  }

  void show(const ChatChunk& chunk) {
    const bool empty = chunk.reasoning.empty() && chunk.content.empty() &&
                       chunk.tool_calls.empty() && chunk.progress_phase.empty() &&
                       chunk.logprobs.empty();
    if (!empty) offer(chunk);
  }

  void end_of_body(const net::TransferHead& head) {
    if (head.status != 200) return;
    if (head.header("content-type").starts_with("text/event-stream")) {
      const auto last = events_.finish();
      if (last && *last) take(**last);
      return;
    }
    // A whole reply, from a server that does not stream.
    const Json json = Json::parse(text_, nullptr, false);
    if (json.is_discarded() || !json.is_object() ||
        (!json.contains("choices") && !json.contains("error"))) {
      return fail(
          "what comes is neither a stream nor a chat completion; is this an OpenAI-compatible "
          "server?");
    }
    read(json);
  }

  void fail(std::string message) { error_ = Status{Code::kUnavailable, std::move(message)}; }

  ChatReply reply(const WireMedia& media, bool cancelled) {
    const ChatChunk rest = reader_.finish();
    if (!cancelled) show(rest);
    ChatReply reply = reader_.reply();
    if (cancelled || !wanted_) reply.finish_reason = "cancelled";
    reply.image_sizes = media.image_sizes;
    const int last = static_cast<int>(media.image_sizes.size()) - 1;
    const int64_t width = last < 0 ? media.video_width : media.image_sizes[last][0];
    const int64_t height = last < 0 ? media.video_height : media.image_sizes[last][1];
    fill_boxes(reader_.marked_content(), last, width, height, reply);
    ChatTimings& timings = reply.timings;
    timings.preprocess_ms = preprocess_ms_;
    // Seen from here, where the server does not tell.
    if (timings.prefill_ms == 0 && timings.decode_ms == 0 && first_ms_ > 0) {
      timings.prefill_ms = first_ms_ - preprocess_ms_;
      timings.decode_ms = ms_since(start_) - first_ms_;
    }
    if (first_ms_ > 0) timings.time_to_first_token_ms = first_ms_;
    return reply;
  }

  const Server& server_;
  const ServerModel& model_;
  const ChatRequest& request_;
  const OnChunk& on_chunk_;
  ReplyReader reader_;
  net::SseReader events_;
  std::string text_;  // of an answer that is no stream
  std::string request_id_;
  std::optional<Status> error_;
  bool wanted_ = true;
  bool done_ = false;
  bool told_to_answer_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_look_ = start_;
  double preprocess_ms_ = 0, first_ms_ = 0;
};

class ChatClient : public ChatBackend {
 public:
  ChatClient(Server server, ServerModel model)
      : server_(std::move(server)), model_(std::move(model)) {}

  Result<ChatReply> chat(const ChatRequest& request, const OnChunk& on_chunk) override {
    return Exchange(server_, model_, request, on_chunk).run();
  }

 private:
  const Server server_;
  const ServerModel model_;
};

}  // namespace

bool is_server_url(std::string_view text) {
  return media::has_prefix_ignoring_case(text, "http://") ||
         media::has_prefix_ignoring_case(text, "https://");
}

Result<ServerModel> ask_server_model(const ChatClientOptions& options) {
  GLMV_ASSIGN(const Server server, Server::create(options));
  return find_model(server);
}

Result<std::unique_ptr<ChatBackend>> make_chat_client(const ChatClientOptions& options) {
  GLMV_ASSIGN(Server server, Server::create(options));
  GLMV_ASSIGN(ServerModel model, find_model(server));
  return std::make_unique<ChatClient>(std::move(server), std::move(model));
}

}  // namespace glmv::api
