#pragma once
// The table of endpoints. A new one: a file under endpoints/, its declaration and its row.

#include <span>
#include <string>
#include <string_view>

#include "glmv/server/server.h"

namespace glmv::server {

struct Call {
  Server& server;
  const net::HttpRequest& request;
  net::HttpReply& reply;
  const std::string& request_id;
  AccessRecord& record;  // what the log will say of it
};
// Counts the error and sends it.
void fail(const Call& call, const ApiError& error);

using Endpoint = void (*)(const Call& call);

struct Route {
  std::string_view method;
  std::string_view path;  // "/v1/models/*": one more part
  Endpoint endpoint;
  bool is_public = false;  // without a key
  bool is_admin = false;   // with an admin key only
};
std::span<const Route> routes();

// endpoints/*.cc
void chat_completions(const Call& call);
void count_input_tokens(const Call& call);
void tokenize(const Call& call);
void detokenize(const Call& call);
void apply_template(const Call& call);
void show_metrics(const Call& call);
void show_load(const Call& call);
void list_models(const Call& call);
void show_model(const Call& call);
void health(const Call& call);
void ready(const Call& call);
void version(const Call& call);

}  // namespace glmv::server
