// Any bytes as an answer with boxes over time: no crash, ascending times, boxes inside the frame.

#include <cstdint>
#include <string_view>

#include "glmv/base/check.h"
#include "glmv/parsers/tracking.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  double before = -1;
  for (const auto& moment : glmv::parsers::parse_tracking(text, 1920, 1080).moments) {
    GLMV_CHECK(moment.time_s > before);
    before = moment.time_s;
    for (const auto& box : moment.boxes) {
      GLMV_CHECK(box.px1 >= 0 && box.px1 <= box.px2 && box.px2 <= 1920);
      GLMV_CHECK(box.py1 >= 0 && box.py1 <= box.py2 && box.py2 <= 1080);
    }
  }
  return 0;
}
