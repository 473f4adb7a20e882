#pragma once
// A conversation: history, undo, and what of a reply goes back to the model. Not thread-safe.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "glmv/api/chat_backend.h"
#include "glmv/terminal/attachment.h"
#include "glmv/terminal/reply_stats.h"

namespace glmv::terminal {

struct Question {
  std::string text;
  std::vector<Attachment> media;
};

// A question with its answer.
struct Turn {
  Question question;
  api::ChatReply reply;      // of a loaded session: texts and finish_reason only
  Json stats;                // to_json(ReplyStats); null: not known
  bool interrupted = false;  // the reply was cancelled; what had come by then is kept
};

class Conversation {
 public:
  using OnChunk = api::OnChunk;

  // `backend` outlives the conversation. `settings`: sampling and other settings of every turn;
  // its messages are put in front of all others.
  Conversation(api::ChatBackend& backend, api::ChatRequest settings);

  // Asks and waits for the whole reply. Only the answer goes into the history, without its thought
  // and tags. After an error the history is as before, and retry() asks the same again.
  Result<ReplyStats> send(Question question, int64_t context_limit, const OnChunk& on_chunk = {});
  // Asks the last question again; its old reply is forgotten if a new one comes. invalid_argument
  // when there is none; cancelled when nothing had come.
  Result<ReplyStats> retry(int64_t context_limit, const OnChunk& on_chunk = {});

  // Asks this in place of the last question, answered or failed, whose turn is forgotten when the
  // new answer comes; until then, and after an error, the history is as before. There must be one.
  Result<ReplyStats> replace(Question question, int64_t context_limit,
                             const OnChunk& on_chunk = {});

  // Takes the last question back, answered or failed; nothing when there is none.
  std::optional<Question> undo();
  void clear();
  void restore(std::vector<Turn> turns);
  // Of all media of the turns, in order, the one of this index is taken out of its question.
  void drop_medium(size_t index);

  const std::vector<Turn>& turns() const { return turns_; }
  const std::optional<Question>& failed() const { return failed_; }
  // Settings of the turns to come.
  api::ChatRequest& settings() { return settings_; }
  const api::ChatRequest& settings() const { return settings_; }
  // "" when there is none.
  std::string system() const;
  void set_system(std::string text);

  // What would be sent with this question: with none, the history alone.
  api::ChatRequest request(const Question* question) const;
  // Pictures of all turns and pages of their documents, as the backend counts them; `on_chunk`
  // hears how far it is. Errors: of reading the documents.
  Result<std::vector<text::ContentPart>> pictures(const OnChunk& on_chunk = {}) const;

 private:
  Result<ReplyStats> ask(Question question, size_t num_turns, int64_t context_limit,
                         const OnChunk& on_chunk);
  api::ChatRequest request(const Question* question, size_t num_turns) const;

  api::ChatBackend& backend_;
  api::ChatRequest settings_;
  std::vector<Turn> turns_;
  std::optional<Question> failed_;
  size_t failed_place_ = 0;  // turns before it; fewer than there are where it replaces one
};

}  // namespace glmv::terminal
