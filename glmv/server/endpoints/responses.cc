// POST /v1/responses, stateless.

#include <ctime>
#include <utility>

#include "glmv/base/utf8.h"
#include "glmv/server/answer.h"
#include "glmv/server/fields.h"
#include "glmv/server/reply_blocks.h"
#include "glmv/server/responses_call.h"

namespace glmv::server {
namespace {

using Kind = ReplyBlock::Kind;

// "reasoning_text" or "output_text".
const char* part_type(Kind kind) {
  return kind == Kind::kReasoning ? "reasoning_text" : "output_text";
}

Json part_json(const ReplyBlock& block, const std::string& text) {
  Json part = {{"type", part_type(block.kind)}, {"text", repair_utf8(text)}};
  if (block.kind == Kind::kText) {
    part["annotations"] = Json::array();
    part["logprobs"] = Json::array();
  }
  return part;
}

class ResponsesWriter final : public ReplyWriter, private BlockListener {
 public:
  ResponsesWriter(const Json& body, const ChatCall& chat, std::string request_id, std::string model)
      : body_(body),
        chat_(chat),
        request_id_(std::move(request_id)),
        model_(std::move(model)),
        created_(std::time(nullptr)),
        blocks_(chat.include_reasoning) {}

  Json body(const std::vector<api::ChatReply>& replies) override {
    return response(blocks_of(replies[0], chat_.include_reasoning), &replies[0]);
  }

  void begin(EventStream& out) override {
    out_ = &out;
    send("response.created", {{"response", response({}, nullptr)}});
    send("response.in_progress", {{"response", response({}, nullptr)}});
  }

  bool piece(EventStream&, int, const api::ChatChunk& chunk) override {
    blocks_.add(chunk, *this);
    return alive_;
  }

  void end(EventStream&, const std::vector<api::ChatReply>& replies) override {
    const bool cut = was_cut(replies[0]);
    last_status_ = cut ? "incomplete" : "completed";
    blocks_.end(*this);
    send(cut ? "response.incomplete" : "response.completed",
         {{"response", response(blocks_.blocks(), &replies[0])}});
  }

  void error(EventStream&, const ApiError& error) override {
    const Json wire = to_json(error)["error"];
    send("error", {{"code", wire["code"]}, {"message", wire["message"]}, {"param", wire["param"]}});
    Json failed = response(blocks_.blocks(), nullptr);
    failed["status"] = "failed";
    failed["error"] = {{"code", "server_error"}, {"message", wire["message"]}};
    send("response.failed", {{"response", std::move(failed)}});
  }

 private:
  void opened(const ReplyBlock& block) override {
    send("response.output_item.added",
         {{"output_index", block.index}, {"item", item(block, "", "in_progress")}});
    if (block.kind == Kind::kCall) return;
    send("response.content_part.added", place(block, {{"part", part_json(block, "")}}));
  }

  void grown(const ReplyBlock& block, const std::string& piece) override {
    Json fields = {{"delta", repair_utf8(piece)}};
    if (block.kind == Kind::kText) fields["logprobs"] = Json::array();
    send(event_of(block, "delta"), place(block, std::move(fields)));
  }

  void closed(const ReplyBlock& block) override {
    const std::string text = repair_utf8(block.text);
    if (block.kind == Kind::kCall) {
      send(event_of(block, "done"), place(block, {{"name", block.name}, {"arguments", text}}));
    } else {
      Json fields = {{"text", text}};
      if (block.kind == Kind::kText) fields["logprobs"] = Json::array();
      send(event_of(block, "done"), place(block, std::move(fields)));
      send("response.content_part.done", place(block, {{"part", part_json(block, text)}}));
    }
    send("response.output_item.done",
         {{"output_index", block.index}, {"item", item(block, text, last_status_)}});
  }

  static std::string event_of(const ReplyBlock& block, const char* end) {
    const char* what =
        block.kind == Kind::kCall ? "function_call_arguments" : part_type(block.kind);
    return fmt::format("response.{}.{}", what, end);
  }

  Json place(const ReplyBlock& block, Json fields) const {
    Json json = {{"item_id", item_id(block)}, {"output_index", block.index}};
    if (block.kind != Kind::kCall) json["content_index"] = 0;
    json.update(fields);
    return json;
  }

  std::string item_id(const ReplyBlock& block) const {
    const char* prefix = block.kind == Kind::kReasoning ? "rs"
                         : block.kind == Kind::kText    ? "msg"
                                                        : "fc";
    return fmt::format("{}_{}_{}", prefix, request_id_, block.index);
  }

  Json item(const ReplyBlock& block, const std::string& text, const std::string& status) const {
    Json json = {{"id", item_id(block)}};
    if (block.kind == Kind::kCall) {
      json.update({{"type", "function_call"},
                   {"call_id", block.call_id},
                   {"name", repair_utf8(block.name)},
                   {"arguments", text},
                   {"status", status}});
      return json;
    }
    Json content = Json::array();
    if (!text.empty()) content.push_back(part_json(block, text));
    if (block.kind == Kind::kReasoning) {
      json.update({{"type", "reasoning"},
                   {"summary", Json::array()},
                   {"content", std::move(content)},
                   {"status", status}});
    } else {
      json.update({{"type", "message"},
                   {"role", "assistant"},
                   {"status", status},
                   {"content", std::move(content)}});
    }
    return json;
  }

  // `reply` null: not there yet.
  Json response(const std::vector<ReplyBlock>& blocks, const api::ChatReply* reply) const {
    const bool cut = reply != nullptr && was_cut(*reply);
    Json output = Json::array();
    for (const ReplyBlock& block : blocks) {
      const bool last = block.index + 1 == blocks.size();
      output.push_back(
          item(block, repair_utf8(block.text), cut && last ? "incomplete" : "completed"));
    }
    const auto echo = [this](const char* name, Json otherwise) {
      const Json* value = find(body_, name);
      return value == nullptr ? otherwise : *value;
    };
    return {{"id", "resp_" + request_id_},
            {"object", "response"},
            {"created_at", created_},
            {"status", reply == nullptr ? "in_progress"
                       : cut            ? "incomplete"
                                        : "completed"},
            {"background", false},
            {"error", nullptr},
            {"incomplete_details", cut ? Json{{"reason", "max_output_tokens"}} : Json()},
            {"instructions", echo("instructions", nullptr)},
            {"max_output_tokens", echo("max_output_tokens", nullptr)},
            {"metadata", echo("metadata", Json::object())},
            {"model", model_},
            {"output", std::move(output)},
            {"parallel_tool_calls", chat_.request.parallel_tool_calls},
            {"previous_response_id", nullptr},
            {"reasoning", echo("reasoning", Json{{"effort", nullptr}, {"summary", nullptr}})},
            {"store", false},
            {"temperature", echo("temperature", nullptr)},
            {"text", echo("text", Json{{"format", {{"type", "text"}}}})},
            {"tool_choice", echo("tool_choice", "auto")},
            {"tools", echo("tools", Json::array())},
            {"top_p", echo("top_p", nullptr)},
            {"truncation", "disabled"},
            {"usage", reply == nullptr ? Json() : usage(*reply)}};
  }

  static Json usage(const api::ChatReply& reply) {
    const api::ChatUsage& usage = reply.usage;
    return {{"input_tokens", usage.prompt_tokens},
            {"input_tokens_details",
             {{"cached_tokens", usage.cached_tokens}, {"image_tokens", usage.image_tokens}}},
            {"output_tokens", usage.completion_tokens},
            {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
            {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
  }

  void send(const std::string& type, Json fields) {
    Json event = {{"type", type}, {"sequence_number", sequence_++}};
    event.update(fields);
    alive_ = out_->send(type, event) && alive_;
  }

  const Json& body_;
  const ChatCall& chat_;
  const std::string request_id_;
  const std::string model_;
  const int64_t created_;
  ReplyBlocks blocks_;
  EventStream* out_ = nullptr;
  int64_t sequence_ = 0;
  bool alive_ = true;
  std::string last_status_ = "completed";
};

}  // namespace

void responses(const Call& call) {
  const auto body = read_body(call);
  if (!body) return fail(call, body.error());
  const auto chat = parse_responses_call(*body, call.server.openai_rules());
  if (!chat) return fail(call, chat.error());
  const auto model = served_model(call, chat->model);
  if (!model) return fail(call, model.error());
  ResponsesWriter writer(*body, *chat, call.request_id, *model);
  answer(call, {{chat->request}, 1, chat->stream, chat->warning}, writer);
}

}  // namespace glmv::server
