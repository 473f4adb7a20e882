#pragma once
// A conversation: history, undo, and what of a reply goes back to the model. Not thread-safe.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "glmv/api/chat_backend.h"

namespace glmv::chat {

// A question with its answer.
struct Turn {
  text::Message question;
  api::ChatReply reply;
  bool interrupted = false;  // the reply was cancelled; what had come by then is kept
};

class ChatSession {
 public:
  // `backend` outlives the session. `defaults`: sampling and other settings of every turn; its
  // messages are the fixed beginning (system message), kept by clear().
  ChatSession(api::ChatBackend& backend, api::ChatRequest defaults);

  // Asks and waits for the whole reply. Only the answer goes into the history, without its
  // thought and tags. After an error the history is as before.
  Result<api::ChatReply> send(text::Message question,
                              const std::function<bool(const api::ChatChunk&)>& on_chunk = {});
  // Asks the last question again; its old reply is forgotten if a new one comes.
  Result<api::ChatReply> retry(const std::function<bool(const api::ChatChunk&)>& on_chunk = {});

  // Takes the last turn back and gives its question; nothing when there is none.
  std::optional<text::Message> undo();
  void clear();

  const std::vector<Turn>& turns() const { return turns_; }
  // What the next question will follow: the fixed beginning and all turns.
  std::vector<text::Message> history() const;
  // Settings of the turns to come; its messages stay the fixed beginning.
  api::ChatRequest& settings() { return defaults_; }

 private:
  Result<Turn> ask(text::Message question, size_t num_turns,
                   const std::function<bool(const api::ChatChunk&)>& on_chunk);
  std::vector<text::Message> history_of(size_t num_turns) const;

  api::ChatBackend& backend_;
  api::ChatRequest defaults_;
  std::vector<Turn> turns_;
};

}  // namespace glmv::chat
