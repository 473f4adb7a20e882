// POST /v1/completions.

#include <algorithm>
#include <ctime>
#include <utility>

#include "glmv/base/utf8.h"
#include "glmv/server/answer.h"
#include "glmv/server/chat_wire.h"
#include "glmv/server/completion_call.h"

namespace glmv::server {
namespace {

// The older form of log-probabilities; `offset`: of the first token in the text, in characters.
Json legacy_logprobs(const std::vector<api::LogprobEntry>& entries, int64_t& offset) {
  if (entries.empty()) return nullptr;
  Json json = {{"text_offset", Json::array()},
               {"tokens", Json::array()},
               {"token_logprobs", Json::array()},
               {"top_logprobs", Json::array()}};
  for (const api::LogprobEntry& entry : entries) {
    const std::string token = repair_utf8(entry.token);
    json["text_offset"].push_back(offset);
    json["tokens"].push_back(token);
    json["token_logprobs"].push_back(wire_logprob(entry.logprob));
    Json top = Json::object();
    for (const api::LogprobEntry& other : entry.top) {
      top[repair_utf8(other.token)] = wire_logprob(other.logprob);
    }
    json["top_logprobs"].push_back(std::move(top));
    offset += static_cast<int64_t>(count_code_points(token));
  }
  return json;
}

class CompletionWriter final : public ReplyWriter {
 public:
  CompletionWriter(const Call& call, const CompletionCall& completion, ReplyHead head)
      : call_(call),
        completion_(completion),
        head_(std::move(head)),
        offsets_(num_choices(), 0),
        usage_(completion, num_choices()) {}

  Json body(const std::vector<api::ChatReply>& replies) override {
    Json choices = Json::array();
    for (size_t i = 0; i < replies.size(); ++i) {
      int64_t offset = 0;
      Json one = choice(i, echoed(i) + replies[i].content, finish_reason(replies[i], {}),
                        legacy_logprobs(replies[i].logprobs, offset));
      add_endings(replies[i], one);
      add_ids(replies[i], one);
      choices.push_back(std::move(one));
    }
    Json json = object(std::move(choices));
    json["usage"] = usage_json(usages_of(replies), completion_.n);
    return json;
  }

  void begin(EventStream& out) override {
    if (!completion_.echo) return;
    for (size_t i = 0; i < num_choices(); ++i)
      out.send(chunk(choice(i, echoed(i), nullptr, nullptr)));
  }

  bool piece(EventStream& out, int index, const api::ChatChunk& piece) override {
    const auto i = static_cast<size_t>(index);
    usage_.note(i, piece.usage);
    Json logprobs = legacy_logprobs(piece.logprobs, offsets_[i]);
    if (piece.content.empty() && logprobs.is_null()) return true;
    return out.send(chunk(choice(i, piece.content, nullptr, std::move(logprobs))));
  }

  void end(EventStream& out, const std::vector<api::ChatReply>& replies) override {
    for (size_t i = 0; i < replies.size(); ++i) {
      usage_.note(i, replies[i].usage);
      Json one = choice(i, "", finish_reason(replies[i], {}), nullptr);
      add_endings(replies[i], one);
      add_ids(replies[i], one);
      out.send(chunk(std::move(one)));
    }
    if (completion_.include_usage) {
      Json json = object(Json::array());
      json["usage"] = usage_json(usages_of(replies), completion_.n);
      out.send(json);
    }
    out.send_text("[DONE]");
  }

  void error(EventStream& out, const ApiError& error) override {
    out.send(to_json(error));
    out.send_text("[DONE]");
  }

 private:
  size_t num_choices() const {
    return completion_.prompts.size() * static_cast<size_t>(completion_.n);
  }

  std::string echoed(size_t index) const {
    if (!completion_.echo) return {};
    const api::RawPrompt& prompt = completion_.prompts[index / static_cast<size_t>(completion_.n)];
    return prompt.ids.empty() ? prompt.text : call_.server.service().detokenize(prompt.ids);
  }

  // Each choice has a prompt of its own.
  void add_ids(const api::ChatReply& reply, Json& choice) const {
    if (!completion_.return_token_ids) return;
    choice["token_ids"] = reply.output_ids;
    choice["prompt_token_ids"] = reply.prompt_ids;
  }

  static Json choice(size_t index, const std::string& text, Json finish, Json logprobs) {
    return {{"index", index},
            {"text", repair_utf8(text)},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", std::move(finish)}};
  }

  Json object(Json choices) const {
    return {{"id", head_.id},
            {"object", "text_completion"},
            {"created", head_.created},
            {"model", head_.model},
            {"system_fingerprint", head_.fingerprint},
            {"choices", std::move(choices)}};
  }

  Json chunk(Json choice) const {
    Json json = object(Json::array({std::move(choice)}));
    usage_.put(json);
    return json;
  }

  const Call& call_;
  const CompletionCall& completion_;
  const ReplyHead head_;
  std::vector<int64_t> offsets_;  // of the next token of each choice
  StreamUsage usage_;
};

}  // namespace

void completions(const Call& call) {
  const auto body = read_body(call);
  if (!body) return fail(call, body.error());
  const auto completion = parse_completion_call(*body, call.server.openai_rules());
  if (!completion) return fail(call, completion.error());
  const auto model = served_model(call, completion->model);
  if (!model) return fail(call, model.error());
  Work work{.copies = completion->n, .stream = completion->stream, .warning = completion->warning};
  for (const api::RawPrompt& prompt : completion->prompts) {
    api::ChatRequest request = completion->request;
    request.raw_prompt = prompt;
    work.requests.push_back(std::move(request));
  }
  CompletionWriter writer(
      call, *completion,
      {"cmpl-" + call.request_id, std::time(nullptr), *model, call.server.model().fingerprint});
  answer(call, std::move(work), writer);
}

}  // namespace glmv::server
