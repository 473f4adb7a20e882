#pragma once
// Runs the requests of a call and sends their replies, whole or in pieces, in the dialect of a
// ReplyWriter.

#include <string>
#include <vector>

#include "glmv/server/chat_call.h"
#include "glmv/server/event_stream.h"
#include "glmv/server/routes.h"

namespace glmv::server {

// One dialect. The methods of a stream are called one at a time, never after end() or error().
class ReplyWriter {
 public:
  virtual ~ReplyWriter() = default;

  // The body of a whole reply; `replies` in the order of the requests, copies beside each other.
  virtual Json body(const std::vector<api::ChatReply>& replies) = 0;

  virtual void begin(EventStream& out) = 0;
  // A piece of reply `index`; false: the client is gone.
  virtual bool piece(EventStream& out, int index, const api::ChatChunk& chunk) = 0;
  virtual void end(EventStream& out, const std::vector<api::ChatReply>& replies) = 0;
  // In the middle of a stream.
  virtual void error(EventStream& out, const ApiError& error) = 0;
};

struct Work {
  std::vector<api::ChatRequest> requests;
  int copies = 1;  // replies to each request, with seeds that follow each other
  bool stream = false;
  std::string warning;  // for the header x-glmv-warning
  EventStream::Form form = EventStream::Form::kEvents;
};

// 404 unless `model` is the served one or empty; gives its name.
ApiResult<std::string> served_model(const Call& call, const std::string& model);

// Answers the call: 503 while draining or when too many are answered already, 429 where its key has
// used up what it may.
void answer(const Call& call, Work work, ReplyWriter& writer);

}  // namespace glmv::server
