#include "glmv/media/child_error.h"

#include <algorithm>
#include <cstring>

namespace glmv::media {

void ChildError::set(const Status& status) {
  code = static_cast<int32_t>(status.code);
  const size_t size = std::min(status.message.size(), sizeof message - 1);
  std::memcpy(message, status.message.data(), size);
}

Status ChildError::status() const {
  std::string text(message, std::find(message, message + sizeof message, '\0'));
  std::ranges::replace_if(text, [](char c) { return c < 32 || c > 126; }, '?');
  const bool known = code >= 0 && code <= static_cast<int32_t>(Code::kInternal);
  return {known ? static_cast<Code>(code) : Code::kUnavailable, std::move(text)};
}

}  // namespace glmv::media
