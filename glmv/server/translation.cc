#include "glmv/server/translation.h"

#include <charconv>

namespace glmv::server {

void MessageList::add(Json message) {
  if (!thought_.empty() && message.value("role", Json()) == "assistant") {
    message["reasoning_content"] = std::exchange(thought_, {});
  }
  messages_.push_back(std::move(message));
  sources_.push_back(path_);
}

void MessageList::call(Json tool_call) {
  const bool joins = thought_.empty() && !messages_.empty() &&
                     messages_.back().value("role", Json()) == "assistant";
  if (!joins) add({{"role", "assistant"}, {"content", nullptr}});
  messages_.back()["tool_calls"].push_back(std::move(tool_call));
}

const Json& MessageList::messages() {
  if (!thought_.empty()) add({{"role", "assistant"}, {"content", nullptr}});
  return messages_;
}

ApiError MessageList::in_source_terms(
    ApiError error, const std::vector<std::pair<std::string, std::string>>& names) const {
  const std::string old = error.param;
  constexpr std::string_view kHead = "messages[";
  if (error.param.starts_with(kHead)) {
    size_t index = 0;
    const char* begin = error.param.data() + kHead.size();
    const auto [end, failed] =
        std::from_chars(begin, error.param.data() + error.param.size(), index);
    if (failed == std::errc() && index < sources_.size()) {
      const size_t rest = static_cast<size_t>(end - error.param.data()) + 1;  // behind "]"
      error.param = sources_[index] + error.param.substr(rest);
    }
  }
  for (const auto& [from, to] : names) {
    if (error.param.starts_with(from)) error.param = to + error.param.substr(from.size());
  }
  if (!old.empty() && error.message.starts_with(old)) {
    error.message = error.param + error.message.substr(old.size());
  }
  return error;
}

}  // namespace glmv::server
