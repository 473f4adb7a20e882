#pragma once
// The table of endpoints. A new one: a file under endpoints/, its declaration and its row.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "glmv/server/server.h"

namespace glmv::server {

struct Call {
  Server& server;
  const net::HttpRequest& request;
  net::HttpReply& reply;
  const std::string& request_id;
  AccessRecord& record;  // what the log will say of it
  ErrorForm error_form = to_json;
  std::vector<std::string> names = {};  // what stands for the stars of the route's path, decoded
  std::string_view body_schema = {};    // of the route
};
// The object that is the body (parse_body); fields that its schema does not know are noted.
ApiResult<Json> read_body(const Call& call);
// Counts the error, and notes it for the log.
void note_error(const Call& call, const ApiError& error);
// The same, and sends it.
void fail(const Call& call, const ApiError& error, const net::HttpHeaders& more_headers = {});

using Endpoint = void (*)(const Call& call);

struct Route {
  std::string_view method;
  std::string_view path;  // "/api/files/*": one part of any name; "**": of any number of parts
  Endpoint endpoint;
  std::string_view summary;
  std::string_view body = {};  // name of the schema of what it takes (openapi_schemas.cc)
  bool is_public = false;      // without a key
  bool is_admin = false;       // with an admin key only
  ErrorForm error_form = to_json;
  std::string_view query = {};  // names of parameters; "!" behind those that must be there
  bool without_model = false;   // also while it is loaded, as all that are public
};
std::span<const Route> routes();

// endpoints/*.cc
void chat_completions(const Call& call);
void completions(const Call& call);
void responses(const Call& call);
void count_response_tokens(const Call& call);
void messages(const Call& call);
void count_message_tokens(const Call& call);
Json anthropic_error(const ApiError& error);
void count_input_tokens(const Call& call);
void tokenize(const Call& call);
void detokenize(const Call& call);
void ground(const Call& call);
void apply_template(const Call& call);
void show_metrics(const Call& call);
void show_load(const Call& call);
void ollama_chat(const Call& call);
void ollama_generate(const Call& call);
void ollama_tags(const Call& call);
void ollama_running(const Call& call);
void ollama_show(const Call& call);
void ollama_version(const Call& call);
Json ollama_error(const ApiError& error);
void no_embeddings(const Call& call);
void no_audio(const Call& call);
void no_adapters(const Call& call);
void show_properties(const Call& call);
void show_openapi(const Call& call);
void cancel_request(const Call& call);
void end_thinking(const Call& call);
void follow_stream(const Call& call);
void end_stream(const Call& call);
void list_streams(const Call& call);
void page_file(const Call& call);
void show_info(const Call& call);
void send_file(const Call& call);
void show_file(const Call& call);
void delete_file(const Call& call);
void show_file_content(const Call& call);
void show_file_thumb(const Call& call);
void list_file_frames(const Call& call);
void show_file_frame(const Call& call);
void show_file_page(const Call& call);
void list_conversations(const Call& call);
void show_conversation(const Call& call);
void put_conversation(const Call& call);
void delete_conversation(const Call& call);
void show_blob(const Call& call);
void put_blob(const Call& call);
void list_models(const Call& call);
void show_model(const Call& call);
void health(const Call& call);
void ready(const Call& call);
void health_generate(const Call& call);
void version(const Call& call);

}  // namespace glmv::server
