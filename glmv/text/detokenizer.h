#pragma once
// Turns a stream of token ids into text that is valid UTF-8 at every step. The concatenated
// deltas equal Tokenizer::decode of all ids. One object per sequence; not thread-safe.

#include <cstdint>
#include <string>

#include "glmv/text/tokenizer.h"

namespace glmv::text {

class Detokenizer {
 public:
  // `tokenizer` must outlive this object.
  explicit Detokenizer(const Tokenizer& tokenizer, bool skip_special_tokens = false)
      : tokenizer_(&tokenizer), skip_special_tokens_(skip_special_tokens) {}

  // The text that is certain after this token. At most 3 bytes, the start of a character, are held
  // back; what can no longer become a character is U+FFFD at once.
  std::string push(int32_t id);
  // What is left (U+FFFD for a character that never was completed); then starts anew.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_tokens_;
  bool at_start_ = true;
  std::string held_;  // an incomplete character
};

}  // namespace glmv::text
