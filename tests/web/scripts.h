#pragma once
// Replies with delays and faults, chosen by what the last message says: the same as those of
// web/tests/fake/scripts.ts, which writes the file.

#include <map>
#include <string>

#include "glmv/api/chat_backend.h"
#include "glmv/base/json.h"

namespace glmv::page {

struct Script {
  std::string think, text;
  int delay_ms = 5;  // between tokens
  std::string finish = "stop";
  std::string stop_reason;  // "repetition"
  bool restated = false;
  int fail_after = -1;  // tokens; then the engine fails
  int cut_after = -1;   // pieces; then the connection is cut, and generation goes on
  int prefill_ms = 0;
  int status = 0;  // instead of a reply
  std::string code, message;
  int retry_after_s = 0;
};

// {"scripts": {NAME: SCRIPT}, "picture": SCRIPT, "continued": SCRIPT}
class Scripts {
 public:
  static Result<Scripts> read(const std::string& path);

  // Of the last message of the user, and of the kinds of its media.
  Script choose(const api::ChatRequest& request) const;
  // By the text alone.
  const Script* named(std::string_view text) const;

 private:
  std::map<std::string, Script> scripts_;
  Script picture_, continued_;
};

// Thread-safe.
class ScriptBackend final : public api::ChatBackend {
 public:
  explicit ScriptBackend(const Scripts& scripts) : scripts_(scripts) {}
  Result<api::ChatReply> chat(const api::ChatRequest& request,
                              const std::function<bool(const api::ChatChunk&)>& on_chunk) override;

 private:
  const Scripts& scripts_;
};

// What a prompt costs here: a token for four letters, and some for each picture.
api::ChatUsage cost_of(const api::ChatRequest& request);

}  // namespace glmv::page
