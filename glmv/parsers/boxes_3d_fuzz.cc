// Any bytes as an answer with boxes in space: no crash, finite numbers, spans inside the text.

#include <cmath>
#include <cstdint>
#include <string_view>

#include "glmv/base/check.h"
#include "glmv/base/utf8.h"
#include "glmv/parsers/boxes_3d.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& box : glmv::parsers::parse_boxes_3d(text).boxes) {
    for (const auto& part : {box.center, box.sizes, box.angles}) {
      for (const double number : part) GLMV_CHECK(std::isfinite(number));
    }
    GLMV_CHECK(box.begin < box.end && box.end <= size);
    GLMV_CHECK(!glmv::find_invalid_utf8(box.label));
  }
  return 0;
}
