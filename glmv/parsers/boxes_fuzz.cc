// Any bytes as an answer: no crash, boxes inside the picture, spans inside the text.

#include <cstdint>
#include <string>
#include <string_view>

#include "glmv/base/check.h"
#include "glmv/base/utf8.h"
#include "glmv/parsers/answer.h"
#include "glmv/parsers/boxes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const glmv::parsers::Grounding got = glmv::parsers::parse_grounding(text, 1920, 1080);
  for (const auto& box : got.boxes) {
    GLMV_CHECK(box.x1 >= 0 && box.x1 <= box.x2 && box.x2 <= 1000);
    GLMV_CHECK(box.y1 >= 0 && box.y1 <= box.y2 && box.y2 <= 1000);
    GLMV_CHECK(box.px2 <= 1920 && box.py2 <= 1080);
    GLMV_CHECK(box.begin < box.end && box.end <= size);
    GLMV_CHECK(!box.label.empty() || box.labelled);
    GLMV_CHECK(!glmv::find_invalid_utf8(box.label));
  }
  for (const auto& rejected : got.rejected) {
    GLMV_CHECK(rejected.begin < rejected.end && rejected.end <= size);
  }
  const std::string plain = glmv::parsers::strip_box_markers(text);
  GLMV_CHECK(plain.size() <= size);
  for (const std::string& boxed : glmv::parsers::extract_boxed(text)) {
    GLMV_CHECK(boxed.size() <= size);
  }
  return 0;
}
