#include "glmv/text/detokenizer.h"

#include <utility>

#include "glmv/base/utf8.h"

namespace glmv::text {

std::string Detokenizer::push(int32_t id) {
  const std::string_view token = tokenizer_->token_bytes(id);
  if (token.empty() || (skip_special_tokens_ && tokenizer_->is_special(id))) return {};
  std::string bytes = std::exchange(held_, {});
  if (!at_start_) bytes += tokenizer_->token_separator();
  at_start_ = false;
  bytes += token;
  // Only the last three bytes can start a character that is still incomplete.
  for (size_t pos = bytes.size() < 3 ? 0 : bytes.size() - 3; pos < bytes.size(); ++pos) {
    if (decode_utf8(bytes, pos).incomplete) {
      held_ = bytes.substr(pos);
      bytes.resize(pos);
      break;
    }
  }
  return repair_utf8(bytes);
}

std::string Detokenizer::finish() {
  at_start_ = true;
  return repair_utf8(std::exchange(held_, {}));
}

}  // namespace glmv::text
