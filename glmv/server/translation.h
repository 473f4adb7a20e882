#pragma once
// Messages of another dialect as OpenAI's, with errors in terms of the dialect.

#include <string>
#include <utility>
#include <vector>

#include "glmv/server/api_error.h"

namespace glmv::server {

class MessageList {
 public:
  // What is added next stands there in the source ("input[3]").
  void from(std::string path) { path_ = std::move(path); }

  void add(Json message);
  // Of the assistant: a thought, joined by what follows; a call, joined to the message before if
  // that is the assistant's too.
  void think(const std::string& text) { thought_ += text; }
  void call(Json tool_call);

  // After everything was added.
  const Json& messages();

  // "messages[2].content" becomes the path in the source; `names`: other fields and their names
  // there.
  ApiError in_source_terms(ApiError error,
                           const std::vector<std::pair<std::string, std::string>>& names) const;

 private:
  Json messages_ = Json::array();
  std::vector<std::string> sources_;
  std::string path_;
  std::string thought_;
};

}  // namespace glmv::server
