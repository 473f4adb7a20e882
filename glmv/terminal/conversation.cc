#include "glmv/terminal/conversation.h"

#include <chrono>
#include <utility>

#include "glmv/base/check.h"
#include "glmv/base/texts.h"
#include "glmv/parsers/answer.h"

namespace glmv::terminal {

Conversation::Conversation(api::ChatBackend& backend, api::ChatRequest settings)
    : backend_(backend), settings_(std::move(settings)) {}

Result<ReplyStats> Conversation::send(Question question, int64_t context_limit,
                                      const OnChunk& on_chunk) {
  return ask(std::move(question), turns_.size(), context_limit, on_chunk);
}

Result<ReplyStats> Conversation::retry(int64_t context_limit, const OnChunk& on_chunk) {
  if (failed_) return ask(*failed_, failed_place_, context_limit, on_chunk);
  if (turns_.empty()) return invalid_argument("there is no question to ask again: send one first");
  return ask(turns_.back().question, turns_.size() - 1, context_limit, on_chunk);
}

Result<ReplyStats> Conversation::replace(Question question, int64_t context_limit,
                                         const OnChunk& on_chunk) {
  GLMV_CHECK(failed_ || !turns_.empty());
  const size_t place = failed_ ? failed_place_ : turns_.size() - 1;
  auto stats = ask(question, place, context_limit, on_chunk);
  if (!stats) {
    failed_ = std::move(question);
    failed_place_ = place;
  }
  return stats;
}

Result<ReplyStats> Conversation::ask(Question question, size_t num_turns, int64_t context_limit,
                                     const OnChunk& on_chunk) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto ms = [&] {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  };
  double first_ms = 0;
  auto reply = backend_.chat(request(&question, num_turns), [&](const api::ChatChunk& chunk) {
    const bool text = !chunk.content.empty() || !chunk.reasoning.empty();
    if (text && first_ms == 0) first_ms = ms();
    return !on_chunk || on_chunk(chunk);
  });
  const bool replaces = num_turns < turns_.size();
  if (reply && replaces && reply->finish_reason == "cancelled" && reply->content.empty() &&
      reply->reasoning.empty()) {
    reply = cancelled("{}", tr("stopped before a word came: the earlier answer is kept"));
  }
  if (!reply) {
    if (!replaces) {
      failed_ = std::move(question);
      failed_place_ = num_turns;
    }
    return std::unexpected(std::move(reply).error());
  }
  const double total_ms = ms();
  failed_.reset();
  const ReplyStats stats =
      stats_of(*reply, context_limit, first_ms > 0 ? first_ms : total_ms, total_ms);
  turns_.resize(num_turns);
  const bool interrupted = reply->finish_reason == "cancelled";
  turns_.push_back({std::move(question), std::move(*reply), to_json(stats), interrupted});
  return stats;
}

std::optional<Question> Conversation::undo() {
  if (failed_) return std::exchange(failed_, std::nullopt);
  if (turns_.empty()) return std::nullopt;
  Question question = std::move(turns_.back().question);
  turns_.pop_back();
  return question;
}

void Conversation::clear() {
  turns_.clear();
  failed_.reset();
}

void Conversation::restore(std::vector<Turn> turns) {
  clear();
  turns_ = std::move(turns);
}

void Conversation::drop_medium(size_t index) {
  for (Turn& turn : turns_) {
    std::vector<Attachment>& media = turn.question.media;
    if (index < media.size()) {
      media.erase(media.begin() + static_cast<ptrdiff_t>(index));
      return;
    }
    index -= media.size();
  }
}

std::string Conversation::system() const {
  for (const text::Message& message : settings_.messages) {
    if (message.role == "system") return message.text();
  }
  return {};
}

void Conversation::set_system(std::string text) {
  std::erase_if(settings_.messages, [](const text::Message& m) { return m.role == "system"; });
  if (text.empty()) return;
  settings_.messages.insert(settings_.messages.begin(), text::Message::system(std::move(text)));
}

api::ChatRequest Conversation::request(const Question* question) const {
  return request(question, turns_.size());
}

api::ChatRequest Conversation::request(const Question* question, size_t num_turns) const {
  api::ChatRequest request = settings_;
  for (size_t i = 0; i < num_turns; ++i) {
    const Turn& turn = turns_[i];
    request.messages.push_back(user_message(turn.question.media, turn.question.text));
    // As one string: templates of 4.1V print a list as it stands.
    request.messages.push_back(
        text::Message::assistant(parsers::strip_box_markers(turn.reply.content)));
  }
  if (question != nullptr) {
    request.messages.push_back(user_message(question->media, question->text));
  }
  return request;
}

Result<std::vector<text::ContentPart>> Conversation::pictures(const OnChunk& on_chunk) const {
  const std::vector<text::Message> asked = request(nullptr).messages;
  GLMV_ASSIGN(std::vector<text::Message> messages,
              backend_.with_pages(asked, settings_.max_pixels, on_chunk));
  std::vector<text::ContentPart> pictures;
  for (text::Message& message : messages) {
    for (text::ContentPart& part : message.content) {
      if (part.kind == text::PartKind::kImage) pictures.push_back(std::move(part));
    }
  }
  return pictures;
}

}  // namespace glmv::terminal
