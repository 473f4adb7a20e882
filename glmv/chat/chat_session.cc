#include "glmv/chat/chat_session.h"

#include <utility>

namespace glmv::chat {

ChatSession::ChatSession(api::ChatBackend& backend, api::ChatRequest defaults)
    : backend_(backend), defaults_(std::move(defaults)) {}

Result<api::ChatReply> ChatSession::send(
    text::Message question, const std::function<bool(const api::ChatChunk&)>& on_chunk) {
  GLMV_ASSIGN(Turn turn, ask(std::move(question), turns_.size(), on_chunk));
  turns_.push_back(std::move(turn));
  return turns_.back().reply;
}

Result<api::ChatReply> ChatSession::retry(
    const std::function<bool(const api::ChatChunk&)>& on_chunk) {
  if (turns_.empty()) return invalid_argument("there is no question to ask again: send one first");
  GLMV_ASSIGN(Turn turn, ask(turns_.back().question, turns_.size() - 1, on_chunk));
  turns_.back() = std::move(turn);
  return turns_.back().reply;
}

Result<Turn> ChatSession::ask(text::Message question, size_t num_turns,
                              const std::function<bool(const api::ChatChunk&)>& on_chunk) {
  api::ChatRequest request = defaults_;
  request.messages = history_of(num_turns);
  request.messages.push_back(question);
  GLMV_ASSIGN(api::ChatReply reply, backend_.chat(request, on_chunk));
  const bool interrupted = reply.finish_reason == "cancelled";
  return Turn{std::move(question), std::move(reply), interrupted};
}

std::optional<text::Message> ChatSession::undo() {
  if (turns_.empty()) return std::nullopt;
  text::Message question = std::move(turns_.back().question);
  turns_.pop_back();
  return question;
}

void ChatSession::clear() { turns_.clear(); }

std::vector<text::Message> ChatSession::history() const { return history_of(turns_.size()); }

std::vector<text::Message> ChatSession::history_of(size_t num_turns) const {
  std::vector<text::Message> messages = defaults_.messages;
  for (size_t i = 0; i < num_turns; ++i) {
    messages.push_back(turns_[i].question);
    // As one string: templates of 4.1V print a list as it stands.
    messages.push_back({.role = "assistant",
                        .content = {{.text = turns_[i].reply.content}},
                        .content_is_string = true});
  }
  return messages;
}

}  // namespace glmv::chat
