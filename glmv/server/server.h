#pragma once
// The OpenAI-compatible interface over a ChatBackend: routes, keys, limits. Knows no model and no
// tensors; it is an HttpHandler of a net::HttpServer.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "glmv/api/chat_backend.h"
#include "glmv/api/model_service.h"
#include "glmv/net/http_types.h"
#include "glmv/server/access_log.h"
#include "glmv/server/api_error.h"
#include "glmv/server/chat_call.h"
#include "glmv/server/frame_pictures.h"
#include "glmv/server/key_limits.h"
#include "glmv/server/keys.h"
#include "glmv/server/media_loader.h"
#include "glmv/server/metrics.h"
#include "glmv/server/origin.h"
#include "glmv/server/page_files.h"
#include "glmv/server/resumable_replies.h"
#include "glmv/server/running_requests.h"
#include "glmv/server/unknown_fields.h"
#include "glmv/server/uploads.h"
#include "glmv/store/conversation_store.h"

namespace glmv::server {

struct ServerOptions {
  std::string model = "glmv";         // the served name
  std::vector<std::string> api_keys;  // "KEY" or "NAME KEY"; empty: none is asked for
  std::vector<std::string>
      admin_api_keys;    // for admin routes, closed without one; and for all others
  KeyLimits key_limits;  // of each of the first kind
  std::vector<std::string> allowed_hosts;  // as OriginRules
  std::vector<std::string> allowed_origins;
  int max_requests = 64;  // that are answered or wait; what comes beyond is told to come again
  double heartbeat_seconds = 10;
  std::string metrics_prefix = "glmv";
  double request_timeout_s = 0;     // of the work on a request; 0: none
  double watchdog_timeout_s = 300;  // a step of the engine that takes longer has hung; 0: never
  std::shared_ptr<AccessLog> access_log;            // null: none
  std::shared_ptr<const PageFiles> page;            // the web page; null: none
  std::shared_ptr<store::ConversationStore> store;  // conversations of the page; null: none
  MediaOptions media;
  CallRules rules;  // but for max_tokens, which is the model's context
  // Notes for who looks closely; thread-safe. Empty: nobody does.
  std::function<void(const std::string& text)> on_debug;
  // What went wrong inside, which no client is told; thread-safe. Empty: nobody is told.
  std::function<void(const std::string& request_id, const std::string& detail)> on_failure;
};

struct Call;
struct Route;

// What is known of the model once it is there; /v1/models says it.
struct ServedModel {
  int64_t max_context_tokens = 0;
  std::string fingerprint;   // of weights and dtype
  std::string family;        // model_type of its config
  std::string quantization;  // of its weights, or their dtype
  int64_t weight_bytes = 0;
  int64_t max_running = 0;                    // requests that are computed at once
  Json generation_defaults = Json::object();  // what fields that a request leaves out become
  int64_t document_tokens = 0;  // of one document's pages; 0: as ServerOptions::media says
  std::shared_ptr<processing::MediaCache> media_cache;  // of its backend; null: none
};

// 503, before the model is there.
ApiError is_loading();

// Thread-safe. Backend and service outlive it.
class Server {
 public:
  // Without a model: what needs it is told to come again, until start_serving().
  explicit Server(ServerOptions options);
  // With routes of one's own: for tests.
  Server(ServerOptions options, std::span<const Route> routes);
  Server(ServerOptions options, ServedModel model, api::ChatBackend& backend,
         const api::ModelService& service);

  // The model is there. Once.
  void start_serving(ServedModel model, api::ChatBackend& backend,
                     const api::ModelService& service);
  bool has_model() const { return served_ != nullptr; }

  void handle(const net::HttpRequest& request, net::HttpReply& reply);
  // The answer to what could not be read as a request: what an HttpServer is to send.
  net::HttpError unread(int status, const std::string& message, const net::HttpRequest& head);
  // Counts an error, and tells its detail to whoever runs the server.
  void note_error(const ApiError& error, const std::string& request_id);
  // New requests are refused with 503; those that run end.
  void start_draining() { draining_ = true; }

  // What every endpoint whose request may hold media calls before the backend (media_loader.h).
  // `owner`: whose uploads it may name. How soon an answer comes must not tell strangers of what
  // others have sent: the salt of the request becomes the owner's own. No salt of a client has a
  // "/".
  ApiResult<void> load_media(api::ChatRequest& request, const net::HttpReply& reply,
                             const std::string& owner) {
    if (has_strangers()) request.cache_salt.insert(0, owner + "/");
    return served().media_loader.load(
        request, [&reply] { return !reply.client_gone(); },
        [&](std::string_view id) { return uploads_.find(owner, id); });
  }

  const ServerOptions& options() const { return options_; }
  // These, load_media() and media(): once there is a model.
  const ServedModel& model() const { return served().model; }
  api::ChatBackend& backend() const { return served().backend; }
  const api::ModelService& service() const { return served().service; }
  // For the dialects in which more tokens than the context holds are an error.
  CallRules openai_rules() const;
  // The model was trained to answer without a thought, too.
  bool has_thinking_switch() const;
  UnknownFields& unknown_fields() { return unknown_fields_; }
  Metrics& metrics() { return metrics_; }
  std::string metrics_text() const;
  KeyMeters& key_meters() { return key_meters_; }
  RunningRequests& running() { return running_; }
  ResumableReplies& resumable() { return resumable_; }
  Uploads& uploads() { return uploads_; }
  FramePictures& frame_pictures() { return frame_pictures_; }
  const MediaOptions& media() const { return served().media_loader.options(); }
  // Another one each time the program is started.
  const std::string& instance() const { return instance_; }
  int64_t start_time() const { return start_time_; }
  // Users with different keys are strangers to each other.
  bool has_strangers() const { return keys_.num_keys() > 1; }
  bool draining() const { return draining_; }
  // Why the engine cannot be relied on: its thread ended, or a step has hung. Empty: it can.
  std::string engine_trouble() const;
  int num_requests() const { return num_requests_; }

  // A place among max_requests while it lives; empty when there is none.
  class Admission {
   public:
    explicit Admission(Server& server) : server_(server) {
      admitted_ = ++server_.num_requests_ <= server_.options_.max_requests;
    }
    ~Admission() { --server_.num_requests_; }
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;
    explicit operator bool() const { return admitted_; }

   private:
    Server& server_;
    bool admitted_;
  };

 private:
  struct Served {
    const ServedModel model;
    api::ChatBackend& backend;
    const api::ModelService& service;
    const MediaLoader media_loader;
  };
  const Served& served() const;
  void answer(const net::HttpRequest& request, net::HttpReply& reply, AccessRecord& record);
  void run(const Call& call, const Route& route);
  // Notes the name of the key. `route` null: there is none.
  ApiResult<void> check_key(const net::HttpRequest& request, const Route* route,
                            AccessRecord& record) const;

  const ServerOptions options_;
  const OriginRules origins_;
  const KeyRing keys_;
  KeyMeters key_meters_;
  const std::span<const Route> routes_;
  std::unique_ptr<const Served> owned_;
  std::atomic<const Served*> served_ = nullptr;
  Metrics metrics_;
  RunningRequests running_;
  ResumableReplies resumable_;
  Uploads uploads_;
  FramePictures frame_pictures_;
  UnknownFields unknown_fields_;
  const int64_t start_time_;
  const std::string instance_;
  std::atomic<bool> draining_ = false;
  std::atomic<int> num_requests_ = 0;
};

// The body of an error in the dialect of an endpoint.
using ErrorForm = Json (*)(const ApiError& error);

// Both with the request's id.
void send_error(net::HttpReply& reply, const ApiError& error, const std::string& request_id,
                ErrorForm form = to_json, const net::HttpHeaders& more = {});
void send_json(net::HttpReply& reply, int status, const Json& body, const std::string& request_id,
               const net::HttpHeaders& more_headers = {});

}  // namespace glmv::server
