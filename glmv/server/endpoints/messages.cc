// POST /v1/messages and /v1/messages/count_tokens, in Anthropic's form.

#include "glmv/server/messages_call.h"

#include <utility>

#include "glmv/base/utf8.h"
#include "glmv/server/answer.h"
#include "glmv/server/reply_blocks.h"

namespace glmv::server {
namespace {

using Kind = ReplyBlock::Kind;

std::string stop_reason(const api::ChatReply& reply) {
  if (was_cut(reply)) return "max_tokens";
  if (reply.finish_reason == "tool_calls") return "tool_use";
  return reply.stop_string.empty() ? "end_turn" : "stop_sequence";
}

Json stop_sequence(const api::ChatReply& reply) {
  return reply.stop_string.empty() ? Json() : Json(repair_utf8(reply.stop_string));
}

Json usage_of(const api::ChatUsage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

Json block_json(const ReplyBlock& block) {
  switch (block.kind) {
    case Kind::kReasoning:
      return {{"type", "thinking"}, {"thinking", repair_utf8(block.text)}, {"signature", ""}};
    case Kind::kText:
      return {{"type", "text"}, {"text", repair_utf8(block.text)}, {"citations", nullptr}};
    case Kind::kCall:
      break;
  }
  // The arguments are a valid object, or nothing yet.
  Json input = Json::parse(repair_utf8(block.text), nullptr, false);
  return {{"type", "tool_use"},
          {"id", block.call_id},
          {"name", repair_utf8(block.name)},
          {"input", input.is_object() ? std::move(input) : Json::object()}};
}

class MessagesWriter final : public ReplyWriter, private BlockListener {
 public:
  MessagesWriter(bool include_reasoning, std::string id, std::string model)
      : include_reasoning_(include_reasoning),
        id_(std::move(id)),
        model_(std::move(model)),
        blocks_(include_reasoning) {}

  Json body(const std::vector<api::ChatReply>& replies) override {
    Json json = message();
    for (const ReplyBlock& block : blocks_of(replies[0], include_reasoning_)) {
      json["content"].push_back(block_json(block));
    }
    json["stop_reason"] = stop_reason(replies[0]);
    json["stop_sequence"] = stop_sequence(replies[0]);
    json["usage"] = usage_of(replies[0].usage);
    return json;
  }

  void begin(EventStream& out) override {
    out_ = &out;
    send({{"type", "message_start"}, {"message", message()}});
  }

  bool piece(EventStream&, int, const api::ChatChunk& chunk) override {
    blocks_.add(chunk, *this);
    return alive_;
  }

  void end(EventStream&, const std::vector<api::ChatReply>& replies) override {
    blocks_.end(*this);
    send(
        {{"type", "message_delta"},
         {"delta",
          {{"stop_reason", stop_reason(replies[0])}, {"stop_sequence", stop_sequence(replies[0])}}},
         {"usage", usage_of(replies[0].usage)}});
    send({{"type", "message_stop"}});
  }

  void error(EventStream&, const ApiError& error) override { send(anthropic_error(error)); }

 private:
  void opened(const ReplyBlock& block) override {
    send({{"type", "content_block_start"},
          {"index", block.index},
          {"content_block", block_json(block)}});
  }

  void grown(const ReplyBlock& block, const std::string& piece) override {
    const std::string text = repair_utf8(piece);
    Json delta;
    if (block.kind == Kind::kReasoning) delta = {{"type", "thinking_delta"}, {"thinking", text}};
    if (block.kind == Kind::kText) delta = {{"type", "text_delta"}, {"text", text}};
    if (block.kind == Kind::kCall) delta = {{"type", "input_json_delta"}, {"partial_json", text}};
    send({{"type", "content_block_delta"}, {"index", block.index}, {"delta", std::move(delta)}});
  }

  void closed(const ReplyBlock& block) override {
    send({{"type", "content_block_stop"}, {"index", block.index}});
  }

  Json message() const {
    return {{"id", id_},
            {"type", "message"},
            {"role", "assistant"},
            {"model", model_},
            {"content", Json::array()},
            {"stop_reason", nullptr},
            {"stop_sequence", nullptr},
            {"usage", usage_of({})}};
  }

  void send(const Json& event) {
    alive_ = out_->send(event["type"].get<std::string>(), event) && alive_;
  }

  const bool include_reasoning_;
  const std::string id_;
  const std::string model_;
  ReplyBlocks blocks_;
  EventStream* out_ = nullptr;
  bool alive_ = true;
};

}  // namespace

Json anthropic_error(const ApiError& error) {
  const char* type = error.status == 413   ? "request_too_large"
                     : error.status == 503 ? "overloaded_error"
                     : error.status >= 500 ? "api_error"
                                           : nullptr;
  const Json wire = to_json(error)["error"];
  return {{"type", "error"},
          {"error",
           {{"type", type == nullptr ? wire["type"] : Json(type)}, {"message", wire["message"]}}}};
}

void messages(const Call& call) {
  const auto body = read_body(call);
  if (!body) return fail(call, body.error());
  const auto chat = parse_messages_call(*body, true, call.server.options().rules);
  if (!chat) return fail(call, chat.error());
  const auto model = served_model(call, chat->model);
  if (!model) return fail(call, model.error());
  MessagesWriter writer(chat->include_reasoning, "msg_" + call.request_id, *model);
  answer(call, {{chat->request}, 1, chat->stream, chat->warning}, writer);
}

void count_message_tokens(const Call& call) {
  const auto body = read_body(call);
  if (!body) return fail(call, body.error());
  auto chat = parse_messages_call(*body, false, call.server.options().rules);
  if (!chat) return fail(call, chat.error());
  if (auto loaded = call.server.load_media(chat->request, call.reply, call.record.key); !loaded) {
    return fail(call, loaded.error());
  }
  const auto tokens = call.server.service().prompt_tokens(chat->request);
  if (!tokens) return fail(call, to_api_error(tokens.error()));
  send_json(call.reply, 200, {{"input_tokens", tokens->ids.size()}}, call.request_id);
}

}  // namespace glmv::server
