#pragma once
// The chunks of a streamed chat completion, or a whole one -> pieces to show and the complete
// reply. Takes any JSON, never throws.

#include <optional>
#include <string>

#include "glmv/api/chat_client.h"
#include "glmv/parsers/reasoning.h"

namespace glmv::api {

// What a server says of an error, in its own words, as a Status: `status` of HTTP (0: the error
// came inside a stream) and the body, JSON or not.
Status server_error(int status, std::string_view body);

class ReplyReader {
 public:
  ReplyReader(const ChatRequest& request, ServerKind kind);

  // Errors: what the server says in the chunk.
  Result<ChatChunk> read(const Json& chunk);
  // The end of the stream: text that was held back.
  ChatChunk finish();
  // After finish().
  ChatReply reply() const;

  bool has_ended() const { return !finish_reason_.empty(); }
  bool has_begun() const { return num_pieces_ > 0; }
  int64_t num_pieces() const { return num_pieces_; }
  // Of the content, with box markers.
  std::string marked_content() const { return parser_.result(false).marked_content; }

 private:
  void read_choice(const Json& choice, ChatChunk& out);
  void read_delta(const Json& delta, ChatChunk& out);
  void read_calls(const Json& calls, ChatChunk& out);
  void read_logprobs(const Json& list, ChatChunk& out);
  void read_ending(const Json& choice);
  void read_usage(const Json& usage);
  void read_timings(const Json& timings);
  void add(parsers::ReasoningDelta delta, ChatChunk& out);

  parsers::ReasoningParser parser_;
  std::string reasoning_;  // that came as such
  ChatReply reply_;
  std::string finish_reason_;
  bool has_usage_ = false;
  int64_t num_pieces_ = 0;
};

}  // namespace glmv::api
