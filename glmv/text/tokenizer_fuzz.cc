// Input: bytes of a tokenizer.json, a zero byte, a text. Whatever loads must encode valid text and
// decode it again, and the stream must say the same as the one-shot decode.
#include <cstdlib>
#include <string_view>

#include "glmv/text/detokenizer.h"
#include "glmv/text/tokenizer.h"

namespace {

using glmv::text::Detokenizer;
using glmv::text::Tokenizer;

const Tokenizer& good_tokenizer() {
  static const Tokenizer tokenizer =
      Tokenizer::load(GLMV_SOURCE_DIR "/tests/golden/tokenizer/glm45v").value();
  return tokenizer;
}

void exercise(const Tokenizer& tokenizer, std::string_view text, bool lossless) {
  for (const bool split_special : {false, true}) {
    const auto ids = tokenizer.encode(text, {.split_special_tokens = split_special});
    if (!ids) continue;
    const std::string decoded = tokenizer.decode(*ids);
    if (lossless && decoded != text) std::abort();
    Detokenizer detokenizer(tokenizer);
    std::string streamed;
    for (const int32_t id : *ids) streamed += detokenizer.push(id);
    streamed += detokenizer.finish();
    if (streamed != decoded) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  const std::string_view text = zero == input.npos ? input : input.substr(zero + 1);
  exercise(good_tokenizer(), text, true);
  if (const auto tokenizer = Tokenizer::parse(input.substr(0, zero))) {
    exercise(*tokenizer, text, false);
  }
  return 0;
}
