// POST /v1/chat/completions.

#include <cmath>
#include <ctime>
#include <utility>

#include "glmv/base/utf8.h"
#include "glmv/server/answer.h"
#include "glmv/server/chat_wire.h"

namespace glmv::server {
namespace {

class ChatWriter final : public ReplyWriter {
 public:
  ChatWriter(const ChatCall& chat, ReplyHead head)
      : chat_(chat), head_(std::move(head)), usage_(chat, static_cast<size_t>(chat.n)) {}

  Json body(const std::vector<api::ChatReply>& replies) override {
    Json choices = Json::array();
    for (const api::ChatReply& reply : replies) {
      choices.push_back(choice_json(reply, chat_, static_cast<int>(choices.size())));
    }
    Json json = completion_json(head_, std::move(choices), usage_json(usages_of(replies), chat_.n));
    if (chat_.return_token_ids) json["prompt_token_ids"] = replies[0].prompt_ids;
    json["timings"] = timings_json(replies[0]);
    return json;
  }

  void begin(EventStream& out) override {
    for (int i = 0; i < chat_.n; ++i) {
      out.send(chunk(i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr));
    }
  }

  bool piece(EventStream& out, int index, const api::ChatChunk& piece) override {
    usage_.note(static_cast<size_t>(index), piece.usage);
    if (chat_.return_progress && !piece.progress_phase.empty()) {
      Json json = chunk(index, Json::object(), nullptr, nullptr);
      json["prompt_progress"] = {{"phase", piece.progress_phase},
                                 {"processed", piece.progress_done},
                                 {"total", piece.progress_total},
                                 {"cache", piece.progress_cached},
                                 {"time_ms", std::llround(piece.progress_ms)}};
      return out.send(json);
    }
    const Json delta = delta_json(piece, chat_.include_reasoning);
    const Json logprobs = logprobs_json(piece.logprobs);
    if (delta.empty() && logprobs.is_null()) return true;
    return out.send(chunk(index, delta, nullptr, logprobs));
  }

  void end(EventStream& out, const std::vector<api::ChatReply>& replies) override {
    for (int i = 0; i < chat_.n; ++i) {
      usage_.note(static_cast<size_t>(i), replies[i].usage);
      Json delta = Json::object();
      add_boxed(replies[i], delta);
      Json json = chunk(i, std::move(delta), finish_reason(replies[i], chat_.request), nullptr);
      add_endings(replies[i], json["choices"][0]);
      if (chat_.return_token_ids) {
        json["choices"][0]["token_ids"] = replies[i].output_ids;
        json["prompt_token_ids"] = replies[i].prompt_ids;
      }
      json["timings"] = timings_json(replies[i]);
      out.send(json);
    }
    if (chat_.include_usage) {
      out.send(usage_chunk_json(head_, usage_json(usages_of(replies), chat_.n)));
    }
    out.send_text("[DONE]");
  }

  void error(EventStream& out, const ApiError& error) override {
    out.send(to_json(error));
    out.send_text("[DONE]");
  }

 private:
  Json chunk(int index, Json delta, Json finish, Json logprobs) const {
    Json json = chunk_json(head_, index, std::move(delta), std::move(finish), std::move(logprobs));
    usage_.put(json);
    return json;
  }

  const ChatCall& chat_;
  const ReplyHead head_;
  StreamUsage usage_;
};

}  // namespace

void chat_completions(const Call& call) {
  auto body = read_body(call);
  if (!body) return fail(call, body.error());
  auto chat = parse_chat_call(std::move(*body), call.server.openai_rules());
  if (!chat) return fail(call, chat.error());
  const auto model = served_model(call, chat->model);
  if (!model) return fail(call, model.error());
  ChatWriter writer(*chat, {"chatcmpl-" + call.request_id, std::time(nullptr), *model,
                            call.server.model().fingerprint});
  answer(call, {{chat->request}, chat->n, chat->stream, chat->warning}, writer);
}

}  // namespace glmv::server
