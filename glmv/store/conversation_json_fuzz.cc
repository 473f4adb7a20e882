// libFuzzer target: any JSON is a conversation that comes back as it was read, or an error.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/store/conversation_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  const auto json = parse_json({reinterpret_cast<const char*>(data), size}, "input");
  if (!json) return 0;
  const auto read = store::read_conversation(*json, "c");
  if (!read) {
    GLMV_CHECK(!read.error().message.empty());
    return 0;
  }
  const Json written = store::conversation_json(*read);
  const auto again = store::read_conversation(written, "c");
  GLMV_CHECK(again && store::conversation_json(*again) == written);
  return 0;
}
