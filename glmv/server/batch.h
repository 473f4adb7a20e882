#pragma once
// A file of requests in OpenAI's batch form, answered by a Server's own handlers without a socket.
//   in:  {"custom_id", "method": "POST", "url": "/v1/chat/completions", "body": {...}}
//   out: {"id", "custom_id", "response": {"status_code", "request_id", "body"}, "error": null}
// in the order in which they are done. A line that is no request gives a line with "response": null
// and "error": {"code", "message", "line"}.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "glmv/server/server.h"

namespace glmv::server {

struct BatchProgress {
  int64_t num_lines = 0;     // of the input
  int64_t num_skipped = 0;   // were in the output already
  int64_t num_answered = 0;  // with a status below 400
  int64_t num_failed = 0;    // others
  int64_t num_bad_lines = 0;
  int64_t prompt_tokens = 0, completion_tokens = 0;
  bool stopped = false;  // before the end

  int64_t num_done() const { return num_answered + num_failed + num_bad_lines; }
  int64_t num_left() const { return num_lines - num_skipped - num_done(); }
};

class Batch {
 public:
  // Reads what `output` holds already: lines with its ids are not answered again, and a last line
  // that was not written whole is cut off. Errors: not_found (input), invalid_argument (one file
  // for both), unavailable (another run writes the output).
  static Result<std::unique_ptr<Batch>> open(const std::filesystem::path& input,
                                             const std::filesystem::path& output);
  virtual ~Batch() = default;

  virtual const BatchProgress& progress() const = 0;
  // Answers what is left, `concurrency` requests at once. `wanted` is called some times a second;
  // false stops: what runs is given up and will be answered by the next run. Errors:
  // resource_exhausted (the disk is full).
  virtual Result<BatchProgress> run(Server& server, int concurrency,
                                    const std::function<bool(const BatchProgress&)>& wanted) = 0;
};

}  // namespace glmv::server
