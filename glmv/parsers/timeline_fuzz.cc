// Any bytes as an answer with times: no crash, ends in order, text of limited length.

#include <cstdint>
#include <string_view>

#include "glmv/base/check.h"
#include "glmv/base/utf8.h"
#include "glmv/parsers/timeline.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& event : glmv::parsers::parse_timeline(text, 60)) {
    GLMV_CHECK(event.begin_s >= 0 && event.begin_s <= event.end_s);
    GLMV_CHECK(event.begin < event.end && event.end <= size);
    GLMV_CHECK(!glmv::find_invalid_utf8(event.text));
  }
  return 0;
}
